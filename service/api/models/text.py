"""Text that clients give, in the forms that can be stored and shown: no control characters, nothing endless."""

from typing import Annotated

from pydantic import StringConstraints

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
SOME = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
"""With something to see in it."""

Name = Annotated[str, StringConstraints(max_length=200, pattern=PRINTABLE)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=SOME)]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=SOME)]
Url = Annotated[str, StringConstraints(min_length=8, max_length=2_000, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$")]
"""ASCII, as URLs are sent: others are escaped or in punycode."""
Secret = Annotated[str, StringConstraints(max_length=200, pattern=r"^wh(sec|sk)_[A-Za-z0-9+/=_-]+$")]
HeaderName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^[!-~]([ -~\t]*[!-~])?$")]
