/** The part of the status page that runs in the browser, after chart-script.ts and with `data` as StatusPageData. */

export const statusScript = String.raw`
const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
function size(bytes) {
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024;
  return (unit === 0 ? bytes : digits(bytes)) + ' ' + units[unit];
}
const digits = (value) => value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
const count = (value) => value.toLocaleString('en-US');
const place = (id) => document.getElementById(id);
function make(tag, text) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  return element;
}

// What the server has counted every few seconds, and what came between a look and the one before: null where that is not known.
let looks = [];
function rates(now, before) {
  if (!before || now.time <= before.time) return { generated: null, prompt: null, memory: null, device: null, layers: [] };
  const seconds = (now.time - before.time) / 1000;
  return {
    generated: (now.generatedTokens - before.generatedTokens) / seconds,
    prompt: (now.promptTokens - before.promptTokens) / seconds,
    memory: hitRate(now.memory, before.memory),
    device: now.device && hitRate(now.device, before.device),
    layers: now.layers.map((layer, i) => hitRate(layer, before.layers[i])),
  };
}
function hitRate([hits, uses], [hitsBefore, usesBefore]) {
  return uses > usesBefore ? (hits - hitsBefore) / (uses - usesBefore) : null;
}

const series = (label, index, value) => ({
  label, value, width: 2, stroke: () => color('series-' + index), points: { show: false },
});
const clock = (seconds) => (seconds == null ? '–' : new Date(1000 * seconds).toLocaleTimeString([], { hour12: false }));
// By the server's clock, which need not be that of the browser.
function lastMinutes() {
  const now = (looks[looks.length - 1]?.time ?? Date.now()) / 1000;
  return [now - data.most * data.everySeconds, now];
}
const incrs = [1, 2, 5].flatMap((step) => [0, 1, 2, 3, 4].map((zeros) => step * 10 ** zeros)).sort((a, b) => a - b);
function live(id, label, top, lines) {
  const plot = chart(id, {
    scales: { x: { time: true, range: lastMinutes }, y: { range: (_, low, high) => [0, top ?? Math.max(1, (high || 0) * 1.1)] } },
    axes: [{ ...axis(), labelSize: 0, size: 32, values: (_, times) => times.map(clock) }, { ...axis(label), incrs }],
    series: [{ label: 'time', value: (_, seconds) => clock(seconds) }, ...lines.map(({ name, value }, i) => series(name, i, value))],
  }, [[], ...lines.map(() => [])]);
  return () => plot.setData([looks.map(({ time }) => time / 1000), ...lines.map(({ of }) => looks.map(of))]);
}
const perSecond = (_, value) => (value == null ? '–' : digits(value) + '/s');
const share = (_, value) => percent(value);
const paper = () => (dark.matches ? [13, 17, 23] : [255, 255, 255]);
const shade = (rate) => (rate === null ? paper() : heat(rate >= 1 ? 1e9 : rate / (1 - rate)));
const nameOf = (layer, expert) => 'layer ' + layer + ', expert ' + expert + ': ';
let experts = { uses: [], inMemory: [] };
const draws = [
  live('speed', 'tokens per second', undefined, [
    { name: 'generated', value: perSecond, of: ({ rate }) => rate.generated },
    { name: 'of prompts', value: perSecond, of: ({ rate }) => rate.prompt },
  ]),
  live('requests', 'requests', undefined, [
    { name: 'running', of: ({ running }) => running },
    { name: 'waiting', of: ({ waiting }) => waiting },
  ]),
];
if (!data.resident) {
  const hundred = (value) => (value === null ? null : 100 * value);
  draws.push(live('hits', 'hit rate, %', 100, [
    { name: 'memory', value: share, of: ({ rate }) => hundred(rate.memory) },
    ...(data.device ? [{ name: 'device', value: share, of: ({ rate }) => hundred(rate.device) }] : []),
  ]));
  // The newest look is the rightmost column.
  const rateAt = (layer, column) => looks[looks.length - data.most + column]?.rate.layers[layer] ?? null;
  heatMap('layers', data.most, data.layers, (i) => shade(rateAt(Math.floor(i / data.most), i % data.most)), (layer, column) => {
    const rate = rateAt(layer, column);
    const ago = (data.most - 1 - column) * data.everySeconds;
    return 'layer ' + layer + ', ' + ago + ' s ago: ' + (rate === null ? 'nothing asked for' : percent(100 * rate));
  });
  heatMap('held', data.experts, data.layers, (i) => shade(experts.inMemory[i] ? 0.75 : 0), (layer, expert) =>
    nameOf(layer, expert) + (experts.inMemory[layer * data.experts + expert] ? 'in memory' : 'in the file'));
}
// Of each layer's experts, as a multiple of the layer's mean.
let loads = [];
heatMap('uses', data.experts, data.layers, (i) => heat(loads[i] ?? 0), (layer, expert) => {
  const i = layer * data.experts + expert;
  return nameOf(layer, expert) + count(experts.uses[i] ?? 0) + ' tokens, ' + digits(loads[i] ?? 0) + ' times the mean';
});
redrawn(() => document.querySelectorAll('[data-share], [data-load]').forEach((key) => {
  const { share, load } = key.dataset;
  key.style.background = 'rgb(' + (share === undefined ? heat(Number(load)) : shade(Number(share))).join(',') + ')';
}));

function loadsOf(uses) {
  const layers = Array.from({ length: data.layers }, (_, layer) => uses.slice(layer * data.experts, (layer + 1) * data.experts));
  return layers.flatMap((layer) => {
    const mean = layer.reduce((sum, one) => sum + one, 0) / data.experts || 1;
    return layer.map((one) => one / mean);
  });
}

function drawMemory({ stats: { scheduling } }) {
  const largest = Math.max(...data.memory.map(({ bytes }) => bytes));
  place('memory').replaceChildren(...data.memory.map(({ name, bytes }) => {
    const bar = make('div');
    bar.className = name.startsWith('experts') ? 'bar this' : 'bar';
    const length = make('div');
    const used = name === 'key/value cache' ? scheduling.kvCacheTokensInUse / scheduling.kvCacheTokens : 0;
    for (const [part, mark] of [[used, 'far'], [1 - used, '']]) {
      const piece = make('i');
      piece.className = mark;
      piece.style.width = (100 * part * bytes) / largest + '%';
      length.append(piece);
    }
    const tokens = count(scheduling.kvCacheTokensInUse) + ' of ' + count(scheduling.kvCacheTokens) + ' tokens in use';
    bar.append(make('span', name), length, make('b', size(bytes) + (name === 'key/value cache' ? ', ' + tokens : '')));
    return bar;
  }));
}

function drawTiers({ stats: { experts, device } }) {
  const row = (name, tier) => {
    const line = make('tr');
    const { slots, budgetBytes, hitRate, hits, lateHits, misses, prefetches, wastedPrefetches, bytesRead, stallSeconds } = tier;
    const cells = [name, count(slots), size(budgetBytes), percent(100 * hitRate), count(hits), count(lateHits), count(misses),
      count(prefetches), count(wastedPrefetches), size(bytesRead), digits(stallSeconds) + ' s'];
    line.append(...cells.map((text) => make('td', text)));
    return line;
  };
  place('tiers').replaceChildren(...(device ? [row('device', device)] : []), row('memory', experts));
  place('prefetch').textContent = 'Leaves by: ' + experts.policy + '. Fetched ahead by: ' + experts.prefetch + '.';
}

function say(status) {
  const { running, waiting } = status.stats.scheduling;
  const generated = looks[looks.length - 1]?.rate.generated ?? null;
  place('state').textContent = (status.closing ? 'Shutting down: ' : '') + running + ' running, ' + waiting + ' waiting' +
    (generated === null ? '' : ', ' + digits(generated) + ' tokens/s generated') + '. Memory of the process: ' + size(status.residentBytes) + '.';
}

let started;
function take(status) {
  // Started anew: what was counted before is of another server.
  if (status.started !== started) looks = [];
  started = status.started;
  for (const look of status.looks) looks.push({ ...look, rate: rates(look, looks[looks.length - 1]) });
  looks = looks.slice(-data.most);
  say(status);
  experts = status.experts;
  loads = loadsOf(experts.uses);
  drawMemory(status);
  if (!data.resident) drawTiers(status);
  for (const draw of draws) draw();
  for (const redraw of redraws) redraw();
}

async function ask() {
  try {
    const response = await fetch('status.json?since=' + (looks[looks.length - 1]?.time ?? 0), { cache: 'no-store' });
    if (!response.ok) throw new Error('it answers with status ' + response.status);
    take(await response.json());
  } catch (error) {
    place('state').textContent = 'The server cannot be asked: ' + error.message;
  }
  setTimeout(ask, 1000 * data.everySeconds);
}
ask();
`;
