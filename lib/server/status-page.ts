/** GET /: what the server is doing, as one page that asks for nothing but its own numbers. */

import { createHash } from 'node:crypto';
import type { ModelInfo } from '../model/info.js';
import { formatCount } from '../report/format.js';
import { htmlFacts, page } from '../report/page.js';
import { version } from '../version.js';
import type { ServerContext } from './context.js';
import { lookMs, mostLooks } from './history.js';
import { statusScript } from './status-script.js';

/** What the page's script finds as `data`. */
export interface StatusPageData {
  /** Between two looks of the server at itself, and how many are shown. */
  everySeconds: number;
  most: number;
  /** Layers with experts, and experts of each. */
  layers: number;
  experts: number;
  /** All experts are in memory: there are no hits and misses to show. */
  resident: boolean;
  /** There is a tier above the process's memory. */
  device: boolean;
  memory: { name: string; bytes: number }[];
}

export interface StatusPage {
  html: string;
  /** Allows the page's own scripts and styles, by their hashes, and nothing else. */
  contentSecurityPolicy: string;
}

const pages = new WeakMap<ServerContext, StatusPage>();

/** Made once: only what its script asks for changes. */
export function statusPage(context: ServerContext): StatusPage {
  let made = pages.get(context);
  if (!made) {
    const html = statusHtml(context);
    made = { html, contentSecurityPolicy: policyOf(html) };
    pages.set(context, made);
  }
  return made;
}

function policyOf(html: string): string {
  const hashes = (tag: string) =>
    [...html.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))]
      .map(([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`)
      .join(' ');
  return [
    "default-src 'none'",
    `script-src ${hashes('script')}`,
    `style-src ${hashes('style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function statusHtml({ model: { info }, settings }: ServerContext): string {
  const resident = info.memory.allExperts;
  const data: StatusPageData = {
    everySeconds: lookMs / 1000,
    most: mostLooks,
    layers: info.expertLayers,
    experts: info.experts,
    resident,
    device: (info.memory.deviceBytes ?? 0) > 0,
    memory: memoryParts(info),
  };
  const body = [
    '<p class="verdict" id="state" role="status">Asking the server ...</p>',
    htmlFacts(facts(info)),
    '<div class="pair">',
    chartPlace('speed', 'Tokens per second'),
    chartPlace('requests', 'Requests'),
    '</div>',
    '<h2>Memory</h2>\n<div class="bars" id="memory"></div>',
    '<h2>Experts</h2>',
    resident
      ? '<p>All experts are in memory: nothing is read, and nothing is missed.</p>'
      : hitSections(info.expertLayers),
    '<div class="pair">',
    usesSection(info),
    ...(resident ? [] : [inMemorySection(info)]),
    '</div>',
  ].join('\n');
  return page({ title: `moeflow: ${settings.modelName}`, body, data, script: statusScript });
}

function chartPlace(id: string, title: string): string {
  return `<div><h2>${title}</h2>\n<div class="chart" id="${id}" role="img" aria-label="${title}, over time"></div></div>`;
}

function facts(info: ModelInfo): [string, string][] {
  const { architecture, layers, experts, expertsUsed, contextLength, threads, cpu } = info;
  return [
    ['model', `${architecture}, ${layers} layers, ${expertsUsed} of ${experts} experts per token`],
    ['context', `${formatCount(contextLength)} tokens`],
    ['runs on', `${cpu}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`],
    ['moeflow', version()],
  ];
}

function memoryParts({ memory }: ModelInfo): StatusPageData['memory'] {
  return [
    { name: 'the process itself', bytes: memory.processBytes },
    { name: 'weights outside the experts', bytes: memory.denseBytes },
    { name: 'key/value cache', bytes: memory.kvCacheBytes },
    { name: 'activations', bytes: memory.workspaceBytes },
    { name: 'predictor of routes', bytes: memory.predictorBytes },
    { name: `experts: ${memory.expertSlots} of ${memory.experts}`, bytes: memory.expertBytes },
    { name: 'experts on the emulated device', bytes: memory.deviceBytes },
  ].filter(({ bytes }) => bytes > 0);
}

function hitSections(layers: number): string {
  const scale = [0, 0.25, 0.5, 0.75, 0.9, 1]
    .map((share) => `<span><i data-share="${share}"></i>${100 * share} %</span>`)
    .join('');
  return `<div class="wide"><table class="rows"><thead><tr><th>tier</th><th>places</th><th>size</th><th>hit rate</th><th>hits</th><th>late</th><th>misses</th><th>fetched ahead</th><th>wasted</th><th>read</th><th>waited</th></tr></thead><tbody id="tiers"></tbody></table></div>
<p id="prefetch"></p>
<p>The hit rate is the share of the experts that layers asked for which were in memory.</p>
<div class="pair">
${chartPlace('hits', 'Hit rate')}
${heatPlace('layers', 'Hit rate by layer', layers, [`${(mostLooks * lookMs) / 60_000} minutes ago`, 'now'], scale)}
</div>`;
}

function usesSection({ expertLayers, experts, expertsUsed }: ModelInfo): string {
  // No load is above that of an expert that every token uses.
  const scale = [0, 0.5, 1, 2, 4, 8, 16]
    .filter((load) => load <= Math.max(1, experts / expertsUsed))
    .map(
      (load) =>
        `<span><i data-load="${load}"></i>${load === 1 ? 'the mean' : load === 0 ? 'not used' : `${load} times`}</span>`,
    );
  return heatPlace('uses', 'Uses of the experts', expertLayers, columnsOf(experts), scale.join(''));
}

function inMemorySection({ expertLayers, experts }: ModelInfo): string {
  const scale = '<span><i data-share="0"></i>in the file</span><span><i data-share="0.75"></i>in memory</span>';
  return heatPlace('held', 'Experts in memory now', expertLayers, columnsOf(experts), scale);
}

const columnsOf = (experts: number): [string, string] => ['expert 0', `expert ${experts - 1}`];

function heatPlace(id: string, title: string, layers: number, columns: [string, string], scale: string): string {
  return `<div>
<h2>${title}</h2>
<div class="heat">
<div class="rows"><span>layer 0</span><span>layer ${layers - 1}</span></div>
<canvas id="${id}" role="img" aria-label="${title}: ${layers} layers"></canvas>
<div class="columns"><span>${columns[0]}</span><span>${columns[1]}</span></div>
</div>
<div class="scale">${scale}</div>
<output id="${id}-said">Point at a cell to read it.</output>
</div>`;
}
