/** What the reports' scripts share: charts by uPlot and heat maps, in colours that follow the light or dark setting. Nothing compiles it. */

export const chartScript = String.raw`
'use strict';
const dark = matchMedia('(prefers-color-scheme: dark)');
const redraws = [];
dark.addEventListener('change', () => redraws.forEach((redraw) => redraw()));
function redrawn(draw) {
  draw();
  redraws.push(draw);
}


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

// A cell per value, row by row: rgb(i) gives its colour, say(row, column) what it is when it is pointed at.
function heatMap(id, columns, rows, rgb, say) {
  const canvas = document.getElementById(id);
  canvas.width = columns;
  canvas.height = rows;
  canvas.style.height = Math.min(640, Math.max(120, rows * 16)) + 'px';
  redrawn(() => {
    const context = canvas.getContext('2d');
    const image = context.createImageData(columns, rows);
    for (let i = 0; i < columns * rows; i++) image.data.set([...rgb(i), 255], 4 * i);
    context.putImageData(image, 0, 0);
  });
  canvas.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (position, length, count) => Math.min(count - 1, Math.max(0, Math.floor((position / length) * count)));
    const column = cell(event.clientX - box.left, box.width, columns);
    const row = cell(event.clientY - box.top, box.height, rows);
    document.getElementById(id + '-said').textContent = say(row, column);
  });
}
`;
