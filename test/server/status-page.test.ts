import { describe, expect, it } from 'vitest';
import { noStepCounters } from '../../lib/experts/stats.js';
import type { ServerStatus } from '../../lib/server/status.js';
import { statusScript } from '../../lib/server/status-script.js';
import { chromium, renderServed } from '../report/browser.js';
import { turnsOfEventLoop } from '../support/scripted-engine.js';
import { question, serveScript, serveText, until } from './serving.js';

/** Says "!" for ever, at most one per turn of the event loop. */
const endless = { token: () => 0, beforeStepEnds: () => turnsOfEventLoop(1) };
/** Three layers, of which the first hits all experts, the second half of them, and the third none. */
function hitting() {
  let uses = 0;
  return () => {
    uses += 4;
    return [uses, uses / 2, 0].map((hits) => ({
      ...noStepCounters.experts,
      hits,
      misses: uses - hits,
      bytesRead: uses,
    }));
  };
}

const statusOf = async (url: string, since = 0) =>
  (await (await fetch(`${url}/status.json?since=${since}`)).json()) as ServerStatus;

const evil = `</title></script><script>alert(1)</script>`;

describe('the status page', () => {
  it('needs nothing from the network but its own server', async () => {
    const { url } = await serveText('!');
    const html = await (await fetch(url)).text();
    expect(html).not.toMatch(/(src|href)\s*=\s*["']?(https?:)?\/\//i);
    expect(html).not.toMatch(/@import|url\(|XMLHttpRequest| style="/);
    expect(html.match(/fetch\('([^']*)'/)?.[1]).toBe('status.json?since=');
    expect(html.length).toBeLessThan(200_000);
  });

  it('may run its own scripts and styles, and nothing else', async () => {
    const { url } = await serveText('!', {}, { modelName: evil });
    const response = await fetch(url);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy.match(/'sha256-[^']+'/g)).toHaveLength(3);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await response.text()).match(/<script>/g)).toHaveLength(2);
  });

  it('asks for numbers that say what the server is doing', async () => {
    const { url, model } = await serveScript(endless);
    const generation = model.generate([1]);
    await turnsOfEventLoop(10);
    const response = await fetch(`${url}/status.json`);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({
      model: 'scripted',
      closing: false,
      stats: { scheduling: { running: 1, waiting: 0, kvCacheTokens: 2 ** 24 } },
    });
    generation.stop();
  });

  it('knows no rates from two looks of the same time', () => {
    const [source] = /function rates[^]*?\n}\n/.exec(statusScript) ?? [];
    const rates = new Function(`${source}; return rates;`)();
    const look = { time: 5, generatedTokens: 3, promptTokens: 4, memory: [0, 0], device: null, layers: [] };
    expect(rates(look, look)).toMatchObject({ generated: null, prompt: null });
  });

  it('has what was counted before it was opened, and asks for what is new only', async () => {
    const { url } = await serveScript({ ...endless, layers: hitting() });
    await until(async () => (await statusOf(url)).looks.length >= 2);
    const [first, second] = (await statusOf(url)).looks;
    expect(second?.time).toBeGreaterThan(first?.time as number);
    for (const look of [first, second]) {
      expect(look?.layers).toHaveLength(3);
      expect(look?.layers.map(([hits, uses]) => hits / uses)).toEqual([1, 0.5, 0]);
    }
    expect((await statusOf(url, first?.time)).looks[0]).toEqual(second);
  });
});

describe.runIf(!chromium)('the status page in a browser', () => {
  it('is not tested: there is no chromium', () => {
    console.warn('chromium is not installed: that the status page draws its charts is not tested.');
  });
});

describe.runIf(chromium)('the status page in a browser', () => {
  it.each([false, true])('draws what the server says, without an error (dark: %j)', async (dark) => {
    const { url, client } = await serveScript({ ...endless, layers: hitting() });
    const stream = await client.chat.completions.create({ ...question, stream: true });
    const reading = (async () => {
      for await (const _ of stream);
    })();

    await until(async () => (await statusOf(url)).looks.length >= 2);
    const page = await renderServed(url, dark, 5);
    stream.controller.abort();
    await reading;

    expect(page.console).toEqual([]);
    expect(page.html).toContain('data-drawn="yes"');
    expect(page.html).toMatch(/id="state"[^>]*>1 running, 0 waiting, [\d.]+ tokens\/s generated\./);
    // Speed, requests and hit rate.
    expect(page.html.match(/class="u-over"/g)).toHaveLength(3);
    expect(page.html).toMatch(/<canvas id="layers"[^>]*width="150" height="3"/);
    for (const id of ['uses', 'held'])
      expect(page.html).toMatch(new RegExp(`<canvas id="${id}"[^>]*width="2" height="3"`));
    expect(page.html).toMatch(/<td>memory<\/td><td>2<\/td><td>1\.00 MiB<\/td><td>50\.0 %<\/td>/);
    expect(page.html).toMatch(/data-share="0.5" style="background: rgb\(\d+, \d+, \d+\)/);
  });

  it('shows no hit rates where all experts are in memory', async () => {
    const { url } = await serveText('!');
    const page = await renderServed(url, false, 3);
    expect(page.console).toEqual([]);
    expect(page.html).toContain('All experts are in memory');
    expect(page.html.match(/class="u-over"/g)).toHaveLength(2);
    expect(page.html.match(/<canvas id="\w+"/g)).toEqual(['<canvas id="uses"']);
  });
});
