/** A report as one HTML file: text, style, data and scripts in it, nothing from the network. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chartScript } from './chart-script.js';

export interface Page {
  title: string;
  /** HTML below the title; what comes from outside must be escaped. */
  body: string;
  /** What the script finds as `data`. */
  data: unknown;
  /** JavaScript, after uPlot and {@link chartScript}. */
  script: string;
}

export function page({ title, body, data, script }: Page): string {
  const chart = chartLibrary();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${chart.style}${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${body}
</main>
<script>${chart.script}</script>
<script>
const data = ${scriptJson(data)};
${chartScript}
${script}
document.documentElement.dataset.drawn = 'yes';
</script>
</body>
</html>
`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Names and values. */
export function htmlFacts(facts: readonly (readonly string[])[]): string {
  const line = ([name = '', value = '']: readonly string[]) =>
    `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`;
  return `<dl>${facts.map(line).join('')}</dl>`;
}

/** Numbers; the first row is the head. */
export function htmlTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (tag: string, values: readonly string[]) =>
    `<tr>${values.map((value) => `<${tag}>${escapeHtml(value)}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table class="rows"><thead>${line('th', head)}</thead>
<tbody>${rows.map((row) => line('td', row)).join('\n')}</tbody></table></div>`;
}

/** JSON that cannot end the script it stands in. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

function chartLibrary(): { script: string; style: string } {
  const folder = dirname(createRequire(import.meta.url).resolve('uplot'));
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { script: read('uPlot.iife.min.js'), style: read('uPlot.min.css') };
}

/** Series colours keep a contrast of 3 to 1 with the paper and are told apart without red and green. */
const style = `
:root {
  --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --panel: #f6f8fa;
  --series-0: #0969da; --series-1: #bc4c00; --series-2: #8250df; --series-3: #0f766e;
  --series-4: #bf3989; --series-5: #7d6608; --series-6: #57606a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0d1117; --ink: #e6edf3; --soft: #9da7b3; --line: #30363d; --panel: #161b22;
    --series-0: #58a6ff; --series-1: #f0883e; --series-2: #bc8cff; --series-3: #39c5bb;
    --series-4: #f778ba; --series-5: #d4b72c; --series-6: #9da7b3;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 36px 0 4px; }
h3 { font-size: 1rem; font-weight: 600; margin: 16px 0 4px; }
p { margin: 4px 0 12px; max-width: 75ch; }
p, dt { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 12px 0; }
dd { margin: 0; }
.chart { width: 100%; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 0 24px; }
.pair > * { min-width: 0; }
.uplot, .uplot *, .u-legend { font-family: inherit; }
.u-legend { color: var(--ink); font-size: 13px; text-align: left; padding-left: 44px; }
.u-legend .u-marker { border-radius: 2px; }
.heat { display: grid; grid-template-columns: max-content 1fr; gap: 4px 8px; align-items: stretch; }
.heat canvas { width: 100%; display: block; image-rendering: pixelated; border: 1px solid var(--line); }
.heat .rows, .heat .columns { display: flex; justify-content: space-between; font-size: 12px; color: var(--soft); }
.heat .rows { flex-direction: column; text-align: right; }
.heat .columns { grid-column: 2; }
.scale { display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 12px; color: var(--soft); margin: 8px 0; }
.scale i { display: inline-block; width: 14px; height: 14px; margin-right: 5px; vertical-align: -2px; border: 1px solid var(--line); }
output { display: block; min-height: 1.5em; font-size: 13px; color: var(--soft); }
details { margin-top: 36px; }
summary { cursor: pointer; font-weight: 600; }
.wide { overflow-x: auto; }
p.verdict { color: var(--ink); font-size: 1.05rem; border-left: 4px solid var(--series-0); padding-left: 12px; }
.bars { display: grid; grid-template-columns: max-content minmax(80px, 1fr) max-content; gap: 6px 12px; font-size: 13px; align-items: center; }
.bar { display: contents; }
.bar div { display: flex; height: 16px; background: var(--panel); border: 1px solid var(--line); }
.bar i { background: var(--soft); opacity: 0.55; }
.bar i.far { opacity: 1; }
.bar.this i { background: var(--series-0); }
.bar b { font-weight: 400; font-variant-numeric: tabular-nums; }
.bar.this span, .bar.this b { font-weight: 600; }
@media (max-width: 640px) { .bars { grid-template-columns: 1fr; } }
table.rows { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; width: 100%; margin-top: 8px; }
table.rows th, table.rows td { padding: 3px 10px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
table.rows th { background: var(--panel); }
table.rows th:first-child, table.rows td:first-child { text-align: left; }
`;
