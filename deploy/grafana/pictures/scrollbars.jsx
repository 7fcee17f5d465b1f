// In place of react-custom-scrollbars-2, whose module esbuild hands over wrapped twice: a picture does not scroll.
import React from 'react';

const Scrollbars = React.forwardRef(({ children, style }, ref) => (
  <div ref={ref} style={{ height: '100%', overflow: 'hidden', ...style }}>{children}</div>
));
export { Scrollbars };
export default Scrollbars;
