import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CompareCachesOptions, cacheReport, compareCaches } from '../../lib/index.js';
import { escapeHtml, scriptJson } from '../../lib/report/page.js';
import { randomTrace } from '../cache-sim/made-up-traces.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { chromium, render } from './browser.js';

const evil = `</title></script><script>alert(1)</script><img src=x onerror="alert('2')">&`;

async function report(options: Partial<CompareCachesOptions> = {}): Promise<string> {
  const made = randomTrace(
    { layers: 3, experts: 16, k: 2 },
    [
      { prompt: 4, text: 40 },
      { prompt: 2, text: 9 },
    ],
    1,
  );
  const trace = { ...made, model: evil, expertBytes: [1000, 1000, 2000] };
  const all = { slots: [6, 12, 24], batches: [1, 2], ...options };
  return cacheReport(trace, await compareCaches(trace, all), all);
}

describe('the report of caches', () => {
  it('needs nothing from the network', async () => {
    const html = await report();
    expect(html).not.toMatch(/(src|href)\s*=\s*["']?(https?:)?\/\//i);
    expect(html).not.toMatch(/@import|url\(|fetch\(|XMLHttpRequest/);
    expect(html.length).toBeLessThan(200_000);
  });

  it('shows names as they are, and runs none of them', async () => {
    const html = await report();
    expect(html).toContain(`<h1>Expert caches on ${escapeHtml(evil)}</h1>`);
    expect(html.match(/<script>/g)).toHaveLength(2);
    expect(html).not.toContain('<img');
    expect(scriptJson({ name: '</script><!--' })).toBe('{"name":"\\u003c/script>\\u003c!--"}');
  });

  it('says what was simulated, and has every number in a table', async () => {
    const prediction = { recall: 0.5, precision: 0.25 };
    const cost = { bandwidth: '2MB', expertSeconds: 1e-4, overlap: false };
    const html = await report({ prediction, cost, scope: 'layer', slots: [4, 8], emptyPerSequence: true });
    expect(html).toContain('<dd>recall 0.5, precision 0.25, up to 1 layer ahead</dd>');
    expect(html).toContain('<dd>2 MB/s, 100 µs per expert, nothing at the same time</dd>');
    expect(html).toContain('<dd>empty at the beginning of each sequence</dd>');
    expect(html).toContain('<dd>of each layer by itself</dd>');
    expect(html).toContain('Generated tokens, 2 sequences side by side');
    // 8 policies, 2 sizes, 2 batches, 2 phases, and the head.
    expect(html.match(/<tr>/g)).toHaveLength(8 * 2 * 2 * 2 + 1);
  });
});

describe.runIf(!chromium)('the report of caches in a browser', () => {
  it('is not tested: there is no chromium', () => {
    console.warn('chromium is not installed: that the report draws its charts is not tested.');
  });
});

describe.runIf(chromium)('the report of caches in a browser', () => {
  it.each([false, true])('draws its charts without an error (dark: %j)', async (dark) => {
    const file = join(temporaryDirectory(), 'report.html');
    writeFileSync(file, await report({ cost: { bandwidth: 1e6 } }));
    const page = render(file, dark);
    expect(page.console).toEqual([]);
    expect(page.html).toContain('data-drawn="yes"');
    // Hit rate and speed for 2 phases and 2 batches, and the histogram.
    expect(page.html.match(/class="u-over"/g)).toHaveLength(9);
    expect(page.html).toContain('belady (optimum)');
    expect(page.html).toMatch(/<canvas id="load"[^>]*width="16" height="3"/);
    expect(page.html).toMatch(/data-load="1" style="background: rgb\(\d+, \d+, \d+\)/);
  });
});
