/** The part of the cache report that runs in the browser, after chart-script.ts and with `data` as CacheReportData. */

export const cacheScript = String.raw`
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 3], [14, 4], [4, 2, 1, 2]];

function line(name, index, value) {
  const best = name === 'belady';
  const stroke = () => color(best ? 'ink' : 'series-' + (index % 7));
  return {
    label: best ? 'belady (optimum)' : name, stroke, value, spanGaps: true,
    width: best ? 3 : 2, dash: best ? [3, 3] : dashes[index % 7],
    points: { show: true, size: 7, stroke, fill: () => color('paper') },
  };
}

for (const { id, shares, policies, hitRates, speeds } of data.groups) {
  const places = axis('experts that have a place, % of all');
  const x = { label: 'places', value: (_, value) => percent(value) };
  const range = (_, low, high) => [Math.max(0, low - 2), Math.min(100, high + 2)];
  chart(id, {
    scales: { x: { time: false, range }, y: { range: (_, low, high) => [Math.max(0, 10 * Math.floor(low / 10)), 10 * Math.ceil(Math.max(high, 1) / 10)] } },
    axes: [places, axis('hit rate, %')],
    series: [x, ...policies.map((name, i) => line(name, i, (_, value) => percent(value)))],
  }, [shares, ...hitRates]);
  if (!speeds) continue;
  chart(id + '-speed', {
    scales: { x: { time: false, range }, y: { range: (_, low, high) => [0, high * 1.05] } },
    axes: [places, axis('tokens per second')],
    series: [x, ...policies.map((name, i) => line(name, i, (_, value) => (value == null ? '–' : value.toPrecision(3) + '/s')))],
  }, [shares, ...speeds]);
}

const { distances, uses, reached } = data.reuse;
chart('reuse', {
  scales: { x: { time: false, range: (_, low, high) => [0.5, high + 0.5] }, y: { range: (_, low, high) => [0, high * 1.05] }, hits: { range: [0, 100] } },
  axes: [
    { ...axis('different experts of the layer since the last use, itself included'), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
    axis('share of all uses, %'),
    { ...axis('hit rate of lru, %'), side: 1, scale: 'hits', grid: { show: false } },
  ],
  series: [
    { label: 'distance' },
    { label: 'uses', stroke: () => color('series-0'), fill: () => color('series-0') + '99', width: 1, paths: uPlot.paths.bars({ size: [0.8, 60] }), points: { show: false }, value: (_, value) => percent(value, 2) },
    { label: 'lru, one by one, with so many places per layer', scale: 'hits', stroke: () => color('series-1'), width: 2, points: { show: false }, value: (_, value) => percent(value) },
  ],
}, [distances, uses, reached]);

const { layers, experts, loads } = data.load;
heatMap('load', experts, layers, (i) => heat(loads[i]), (layer, expert) =>
  'layer ' + layer + ', expert ' + expert + ': ' + loads[layer * experts + expert].toFixed(2) + ' times the mean');
redrawn(() => document.querySelectorAll('[data-load]').forEach((key) => {
  key.style.background = 'rgb(' + heat(Number(key.dataset.load)).join(',') + ')';
}));
`;
