/** Line charts side by side in one SVG file, for documents. */

export interface Series {
  name: string;
  /** Rising x. */
  points: readonly (readonly [x: number, y: number])[];
  /** Dots without a line. */
  dots?: boolean;
}

export interface Panel {
  title: string;
  xTitle: string;
  yTitle: string;
  series: readonly Series[];
}

// Told apart in print and by most eyes (Okabe and Ito).
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000', '#777777'];
const width = 420;
const height = 320;
const margin = { left: 56, right: 12, top: 34, bottom: 44 };

export function lineCharts(panels: readonly Panel[]): string {
  const keyHeight = 16 * Math.max(...panels.map(({ series }) => Math.ceil(series.length / 2))) + 14;
  const parts = panels.map((panel, i) => `<g transform="translate(${i * width} 0)">${chart(panel)}</g>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width * panels.length} ${height + keyHeight}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function chart({ title, xTitle, yTitle, series }: Panel): string {
  const values = (axis: 0 | 1) => series.flatMap(({ points }) => points.map((point) => point[axis]));
  const x = scale(values(0), margin.left, width - margin.right);
  const y = scale(values(1), height - margin.bottom, margin.top);
  const lines = [
    text(width / 2, 20, title, 'text-anchor="middle" font-weight="bold"'),
    text((margin.left + width - margin.right) / 2, height - 8, xTitle, 'text-anchor="middle"'),
    `<text transform="translate(14 ${(height + margin.top - margin.bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(yTitle)}</text>`,
    ...y.ticks.flatMap((tick) => [
      `<path d="M${margin.left} ${y.at(tick)}H${width - margin.right}" stroke="#dddddd"/>`,
      text(margin.left - 6, y.at(tick) + 4, String(tick), 'text-anchor="end"'),
    ]),
    ...x.ticks.map((tick) => text(x.at(tick), height - margin.bottom + 16, String(tick), 'text-anchor="middle"')),
  ];
  series.forEach(({ name, points, dots }, i) => {
    const colour = colours[i % colours.length] as string;
    const places = points.map(([px, py]) => [round(x.at(px)), round(y.at(py))] as const);
    if (!dots) lines.push(`<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [cx, cy] of places) lines.push(`<circle cx="${cx}" cy="${cy}" r="${dots ? 5 : 3}" fill="${colour}"/>`);
    const [keyX, keyY] = [margin.left + (i % 2) * 180, height + 10 + 16 * Math.floor(i / 2)];
    lines.push(`<circle cx="${keyX}" cy="${keyY}" r="4" fill="${colour}"/>`, text(keyX + 10, keyY + 4, name, ''));
  });
  return lines.join('\n');
}

/** Round numbers around the values, four steps or so. */
function scale(values: readonly number[], from: number, to: number) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const rough = (high - low || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number);
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step)];
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(6)));
  return {
    ticks,
    at: (value: number) => round(from + ((value / step - first) / (last - first || 1)) * (to - from)),
  };
}

const round = (value: number) => Math.round(value * 10) / 10;
const escaped = (words: string) => words.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const text = (x: number, y: number, words: string, attributes: string) =>
  `<text x="${x}" y="${y}" ${attributes}>${escaped(words)}</text>`;
