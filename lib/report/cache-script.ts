/** The part of the cache report that runs in the browser, after uPlot and with `data` as CacheReportData. Nothing compiles it. */

export const cacheScript = String.raw`
'use strict';
const dark = matchMedia('(prefers-color-scheme: dark)');
const redraws = [];
dark.addEventListener('change', () => redraws.forEach((redraw) => redraw()));

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
const percent = (value, digits = 1) => (value == null ? '–' : value.toFixed(digits) + ' %');

function axis(label) {
  return {
    label, labelSize: 24, labelGap: 4, size: 48, labelFont: '13px system-ui', font: '12px system-ui',
    stroke: () => color('soft'), grid: { stroke: () => color('line'), width: 1 },
    ticks: { stroke: () => color('line'), width: 1 },
  };
}

function chart(id, options, values) {
  const place = document.getElementById(id);
  const size = () => ({ width: Math.max(280, place.clientWidth), height: Math.round(Math.min(400, Math.max(260, place.clientWidth * 0.45))) });
  const plot = new uPlot({ ...size(), ...options }, values, place);
  plot.root.querySelector('canvas').setAttribute('aria-hidden', 'true');
  new ResizeObserver(() => plot.setSize(size())).observe(place);
  redraws.push(() => plot.redraw(false));
  return plot;
}

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
    { label: 'lru with so many places per layer hits', scale: 'hits', stroke: () => color('series-1'), width: 2, points: { show: false }, value: (_, value) => percent(value) },
  ],
}, [distances, uses, reached]);

const ramps = {
  light: [[246, 248, 250], [158, 202, 225], [33, 113, 181], [8, 32, 79]],
  dark: [[16, 24, 34], [29, 84, 125], [78, 173, 190], [255, 241, 170]],
};
// Even use is in the middle of the scale.
function heat(load) {
  const ramp = ramps[dark.matches ? 'dark' : 'light'];
  const at = (load / (load + 1)) * (ramp.length - 1);
  const from = Math.min(ramp.length - 2, Math.floor(at));
  return ramp[from].map((channel, i) => Math.round(channel + (at - from) * (ramp[from + 1][i] - channel)));
}

const { layers, experts, loads } = data.load;
const canvas = document.getElementById('load');
canvas.width = experts;
canvas.height = layers;
canvas.style.height = Math.min(640, Math.max(120, layers * 16)) + 'px';
function drawLoad() {
  const context = canvas.getContext('2d');
  const image = context.createImageData(experts, layers);
  loads.forEach((load, i) => image.data.set([...heat(load), 255], 4 * i));
  context.putImageData(image, 0, 0);
  document.querySelectorAll('[data-load]').forEach((key) => {
    key.style.background = 'rgb(' + heat(Number(key.dataset.load)).join(',') + ')';
  });
}
drawLoad();
redraws.push(drawLoad);
const said = document.getElementById('load-said');
canvas.addEventListener('pointermove', (event) => {
  const box = canvas.getBoundingClientRect();
  const cell = (position, length, count) => Math.min(count - 1, Math.max(0, Math.floor((position / length) * count)));
  const expert = cell(event.clientX - box.left, box.width, experts);
  const layer = cell(event.clientY - box.top, box.height, layers);
  said.textContent = 'layer ' + layer + ', expert ' + expert + ': ' + loads[layer * experts + expert].toFixed(2) + ' times the mean';
});
document.documentElement.dataset.drawn = 'yes';
`;
