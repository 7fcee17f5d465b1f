// One dashboard, drawn with Grafana's components from answers that draw.py asked for (window.BOARD).
import React from 'react';
import { createRoot } from 'react-dom/client';
import {
  FieldConfigOptionsRegistry, FieldType, ThemeContext, VizOrientation, applyFieldOverrides, createTheme, dateTime,
  getFieldDisplayValues, standardTransformers, standardTransformersRegistry,
  toDataFrame, transformDataFrame,
} from '@grafana/data';
import {
  BarGauge, BigValue, BigValueColorMode, BigValueGraphMode, BigValueJustifyMode, BigValueTextMode, GlobalStyles,
  PanelChrome, Table, TimeSeries,
} from '@grafana/ui';
import { lastValueFrom } from 'rxjs';
import 'uplot/dist/uPlot.min.css';

const { dashboard, answers, from, to } = window.BOARD;
const theme = createTheme({ colors: { mode: 'light' } });
const COLUMN = (1400 - 16) / 24;
const ROW = 38;
const GAP = 8;
const timeRange = { from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } };

standardTransformersRegistry.setInit(() =>
  [standardTransformers.organizeFieldsTransformer, standardTransformers.mergeTransformer].map((one) => ({
    id: one.id, name: one.name, transformation: () => Promise.resolve(one), editor: () => null,
  })));

// What applyFieldOverrides knows of; as Grafana registers it, each value taken as it is.
const option = (id, path, isCustom) => ({
  id, path, isCustom, name: id, process: (value) => value, shouldApply: () => true, editor: () => null, override: () => null,
});
const fieldConfigRegistry = new FieldConfigOptionsRegistry(() => [
  ...['unit', 'min', 'max', 'decimals', 'displayName', 'thresholds', 'color', 'mappings', 'noValue'].map((id) => option(id, id, false)),
  ...['drawStyle', 'lineWidth', 'fillOpacity', 'showPoints', 'spanNulls', 'stacking', 'thresholdsStyle', 'scaleDistribution',
    'axisSoftMin', 'align', 'width', 'cellOptions', 'inspect', 'hidden'].map((id) => option(`custom.${id}`, id, true)),
]);

const legend = (format, labels) =>
  format === '__auto' ? undefined : format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');
const number = (text) => (text === undefined ? null : Number(text));

function framesOf(panel, target, answer, many) {
  if (answer.columns) {
    if (target.format === 'time_series') return longToWide(answer, target.refId);
    return [toDataFrame({
      refId: target.refId,
      fields: answer.columns.map((name, place) => {
        const values = answer.rows.map((row) => row[place]);
        return { name, values, config: {}, type: values.every((one) => one === null || typeof one === 'number') ? FieldType.number : FieldType.string };
      }),
    })];
  }
  if (target.format === 'table') {
    const names = [...new Set(answer.vector.flatMap((one) => Object.keys(one.metric)))].filter((name) => name !== '__name__');
    return [toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: answer.vector.map((one) => one.value[0] * 1000), config: {} },
        ...names.map((name) => ({ name, type: FieldType.string, values: answer.vector.map((one) => one.metric[name] ?? ''), config: {} })),
        { name: many ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: answer.vector.map((one) => number(one.value[1])), config: {} },
      ],
    })];
  }
  const series = answer.vector ?? answer.matrix;
  return series.map(({ metric, value, values }) => {
    const points = new Map((values ?? [value]).map(([at, text]) => [Math.round(at * 1000), number(text)]));
    const times = [];
    if (answer.matrix) {
      for (let at = answer.start; at <= answer.end + 1e-6; at += answer.step) times.push(Math.round(at * 1000));
    } else times.push(Math.round(value[0] * 1000));
    const near = (at) => points.get(at) ?? points.get(at - 1) ?? points.get(at + 1) ?? null;
    const { __name__: _, ...labels } = metric;
    const shown = legend(target.legendFormat, labels);
    return toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: times, config: {} },
        { name: 'Value', type: FieldType.number, labels, values: times.map((at) => { const n = near(at); return n === null || Number.isNaN(n) ? null : n; }), config: shown ? { displayNameFromDS: shown } : {} },
      ],
    });
  });
}

function longToWide({ rows }, refId) {
  const times = [...new Set(rows.map(([at]) => at))].sort((a, b) => a - b);
  const names = [...new Set(rows.map(([, metric]) => metric))];
  return names.map((name) => {
    const at = new Map(rows.filter((row) => row[1] === name).map((row) => [row[0], row[2]]));
    return toDataFrame({
      refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: times, config: {} },
        { name: 'Value', type: FieldType.number, values: times.map((time) => at.get(time) ?? null), config: { displayNameFromDS: name } },
      ],
    });
  });
}

async function prepared(panel) {
  const many = panel.targets.length > 1;
  let data = panel.targets.flatMap((target, place) => framesOf(panel, target, answers[panel.id][place], many));
  if (panel.transformations) data = await lastValueFrom(transformDataFrame(panel.transformations, data, { interpolate: (text) => text }));
  const overrides = panel.fieldConfig.overrides.map((one) => ({
    ...one, properties: one.properties.filter((property) => property.id !== 'links'),
  }));
  const { links, ...defaults } = panel.fieldConfig.defaults;
  return applyFieldOverrides({
    data, fieldConfig: { defaults: JSON.parse(JSON.stringify(defaults)), overrides }, fieldConfigRegistry, theme,
    replaceVariables: (text) => text, timeZone: 'Asia/Seoul',
  });
}

const displayValues = (panel, data) => getFieldDisplayValues({
  fieldConfig: { defaults: panel.fieldConfig.defaults, overrides: [] }, reduceOptions: panel.options.reduceOptions, data,
  theme, replaceVariables: (text) => text, timeZone: 'Asia/Seoul',
});

function Stat({ panel, data, width, height }) {
  const values = displayValues(panel, data);
  return <div style={{ display: 'flex' }}>{values.slice(0, 3).map((one, place) => (
    <BigValue key={place} theme={theme} width={width / Math.min(3, values.length)} height={height} value={one.display}
      colorMode={BigValueColorMode.Value} graphMode={BigValueGraphMode.None} justifyMode={BigValueJustifyMode.Center}
      textMode={panel.options.textMode === 'name' ? BigValueTextMode.Name : BigValueTextMode.Value} />
  ))}</div>;
}

function Bars({ panel, data, width, height }) {
  let values = displayValues(panel, data);
  const most = Math.max(1, ...values.map((one) => one.display.numeric));
  const each = Math.max(18, Math.min(34, height / Math.max(1, values.length) - 4));
  const factors = { title: values.map((one) => one.display.title ?? '').sort((a, b) => b.length - a.length)[0] ?? '', text: '10000' };
  return <div>{values.slice(0, Math.floor(height / (each + 4))).map((one, place) => (
    <div key={place} style={{ marginBottom: 4 }}>
      <BarGauge theme={theme} width={width} height={each} value={one.display} field={{ ...one.field, min: 0, max: most }}
        orientation={VizOrientation.Horizontal} displayMode={panel.options.displayMode} showUnfilled
        alignmentFactors={factors} valueDisplayMode="color" namePlacement="left" />
    </div>
  ))}</div>;
}

function Body({ panel, data, width, height }) {
  if (!data.length || data.every((one) => one.length === 0)) return <div style={{ padding: 16, color: theme.colors.text.secondary }}>No data</div>;
  if (panel.type === 'stat') return <Stat {...{ panel, data, width, height }} />;
  if (panel.type === 'bargauge') return <Bars {...{ panel, data, width, height }} />;
  if (panel.type === 'table') return <Table data={data[0]} width={width} height={height} initialSortBy={panel.options.sortBy} />;
  const time = data[0].fields[0].values;
  const range = panel.targets[0].rawSql ? timeRange : { from: dateTime(time[0]), to: dateTime(time[time.length - 1]), raw: {} };
  return <TimeSeries frames={data} width={width} height={height} timeRange={range} timeZone="Asia/Seoul"
    legend={{ ...panel.options.legend, displayMode: 'list', placement: 'right', calcs: [], width: Math.min(230, width * 0.36) }} options={{}} />;
}

class Kept extends React.Component {
  state = {};
  static getDerivedStateFromError(error) { return { error }; }
  render() { return this.state.error ? <pre>{String(this.state.error.stack).slice(0, 400)}</pre> : this.props.children; }
}

function Panel({ panel }) {
  const [data, setData] = React.useState(null);
  React.useEffect(() => { if (panel.type !== 'row') prepared(panel).then(setData, (error) => console.error(panel.title, error.stack)); }, []);
  const { x, y, w, h } = panel.gridPos;
  const place = { position: 'absolute', left: 8 + x * COLUMN, top: 56 + y * ROW, width: w * COLUMN - GAP, height: h * ROW - GAP };
  if (panel.type === 'row') return <div style={{ ...place, fontSize: 18, fontWeight: 500, paddingTop: 4 }}>▾ {panel.title}</div>;
  return <div style={place}>
    <PanelChrome title={panel.title} width={place.width} height={place.height}>
      {(width, height) => data && <Kept><Body {...{ panel, data, width, height }} /></Kept>}
    </PanelChrome>
  </div>;
}

const App = () => (
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div style={{ background: theme.colors.background.canvas, position: 'absolute', inset: 0, minHeight: '100%', color: theme.colors.text.primary, fontFamily: '"Inter", "Noto Sans CJK KR", sans-serif' }}>
      <div style={{ padding: '12px 16px', fontSize: 22, fontWeight: 500 }}>{dashboard.title}</div>
      {dashboard.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
    </div>
  </ThemeContext.Provider>
);

createRoot(document.getElementById('root')).render(<App />);
