/** The part of the plan report that runs in the browser, after chart-script.ts and with `data` as PlanReportData. */

export const planScript = String.raw`
// One series per point, so that each has its name and colour; x values rise.
const spots = [...data.points, ...data.curve.map((spot) => ({ ...spot, name: 'curve' }))].sort((a, b) => a.crossings - b.crossings);
const names = [...data.points.map(({ name }) => name), ...(data.curve.length > 0 ? ['curve'] : [])];
const load = (_, value) => (value == null ? '–' : value.toFixed(2));
function spot(name, index) {
  const mine = name === 'this plan';
  const joined = name === 'curve';
  const stroke = () => color(mine ? 'ink' : joined ? 'soft' : 'series-' + (index % 7));
  return {
    label: joined ? 'other weights' : name, value: load, stroke, spanGaps: joined, width: 2, dash: joined ? [6, 4] : undefined,
    paths: joined ? undefined : () => null,
    points: { show: true, size: mine ? 13 : joined ? 6 : 9, width: 2, stroke, fill: mine ? stroke : () => color('paper') },
  };
}
chart('balance', {
  scales: {
    x: { time: false, range: (_, low, high) => [Math.max(0, low - 3), Math.min(100, high + 3)] },
    y: { range: (_, low, high) => [1 - 0.05 * (Math.max(high, 1.2) - 1), 1 + 1.1 * (Math.max(high, 1.2) - 1)] },
  },
  axes: [axis('crossings, %'), axis('load of the busiest GPU, 1 is the mean')],
  series: [{ label: 'crossings', value: (_, value) => percent(value) }, ...names.map(spot)],
}, [spots.map(({ crossings }) => crossings), ...names.map((name) => spots.map((one) => (one.name === name ? one.load : null)))]);

// Hues a golden angle apart: neighbours in number differ most.
function hue(gpu) {
  const turn = (gpu * 0.618034) % 1;
  const light = dark.matches ? 0.58 : 0.62 + 0.12 * (gpu % 2);
  const channel = (offset) => {
    const at = ((turn + offset) % 1) * 6;
    return Math.round(255 * (light + 0.3 * (Math.max(0, Math.min(1, Math.abs(at - 3) - 1)) - 0.5)));
  };
  return [channel(0), channel(2 / 3), channel(1 / 3)];
}
heatMap('map', data.experts, data.layers, (i) => hue(data.placement[Math.floor(i / data.experts)][i % data.experts][0]), (layer, expert) => {
  const gpus = data.placement[layer][expert];
  return 'layer ' + layer + ', expert ' + expert + ': GPU ' + gpus.join(', ') + (gpus.length > 1 ? ' (in the colour of the first)' : '');
});
`;
