import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { metricsText } from '../../lib/server/metrics-text.js';
import { packageRoot } from '../support/fixtures.js';
import { Latch, post, question, serveText, until } from './serving.js';

interface Family {
  help?: string;
  type?: string;
  /** By name and labels. */
  samples: Map<string, number>;
}

/**
 * By the grammar of Prometheus's text format, version 0.0.4: HELP and TYPE of a metric come once, before its samples, which
 * stand together.
 */
function parse(text: string): Map<string, Family> {
  expect(text.endsWith('\n')).toBe(true);
  const families = new Map<string, Family>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line) ?? [];
    if (kind) {
      const family: Family = families.get(name) ?? { samples: new Map() };
      const field = kind === 'HELP' ? 'help' : 'type';
      expect(family[field], line).toBeUndefined();
      expect(family.samples.size, line).toBe(0);
      families.set(name, { ...family, [field]: rest });
      current = name;
      continue;
    }
    const label = '[a-zA-Z_]\\w*="(?:[^"\\\\\\n]|\\\\[\\\\n"])*"';
    const sample = new RegExp(`^([a-zA-Z_:][\\w:]*)(\\{${label}(?:,${label})*\\})? (\\S+)$`).exec(line);
    expect(sample, line).not.toBeNull();
    const [, full = '', labels = '', value = ''] = sample as RegExpExecArray;
    const family = families.get(current) as Family;
    const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    expect(suffixes.map((suffix) => current + suffix)).toContain(full);
    expect(Number.isNaN(Number(value)), line).toBe(false);
    expect(family.samples.has(full + labels), line).toBe(false);
    family.samples.set(full + labels, Number(value));
  }
  return families;
}

async function scrape(url: string): Promise<Map<string, Family>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parse(await response.text());
}

const valueOf = (families: Map<string, Family>, sample: string) =>
  [...families.values()].map(({ samples }) => samples.get(sample)).find((value) => value !== undefined);

describe('the metrics', () => {
  it('each have a help and a type, counters end in _total', async () => {
    const { url, client } = await serveText('Because.');
    await client.chat.completions.create(question);
    const families = await scrape(url);
    expect(families.size).toBeGreaterThan(20);
    for (const [name, { help, type, samples }] of families) {
      expect(help, name).toBeTruthy();
      expect(type, name).toBeOneOf(['counter', 'gauge', 'histogram']);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(samples.size, name).toBeGreaterThan(0);
    }
  });

  it('are all in the documentation', async () => {
    const { url, client } = await serveText('!');
    await client.chat.completions.create(question);
    const text = readFileSync(join(packageRoot, 'docs/server.md'), 'utf8');
    for (const name of (await scrape(url)).keys()) {
      // The experts' are listed by what follows "moeflow_expert".
      const short = name.replace(/^moeflow_expert/, '');
      expect(text.includes(`\`${name}\``) || text.includes(`\`${short}\``), name).toBe(true);
    }
  });

  it('count what was read and made, and answers by route and status', async () => {
    const { url, client, model } = await serveText('Because.');
    const { usage } = await client.chat.completions.create(question);
    await post(`${url}/v1/chat/completions`, { ...question, n: 0 });
    await fetch(`${url}/made/up`);
    await fetch(`${url}/made/up/too`);

    await until(() => model.stats().scheduling.running === 0);
    const families = await scrape(url);

    expect(valueOf(families, 'moeflow_prompt_tokens_total')).toBe(usage?.prompt_tokens);
    const requests = (route: string, status: number) =>
      valueOf(families, `moeflow_http_requests_total{route="${route}",status="${status}"}`);
    expect(requests('/v1/chat/completions', 200)).toBe(1);
    expect(requests('/v1/chat/completions', 400)).toBe(1);
    expect(requests('unknown', 404)).toBe(2);
    expect(valueOf(families, 'moeflow_time_to_first_token_seconds_count')).toBe(1);
    expect(valueOf(families, 'moeflow_time_between_tokens_seconds_count')).toBe('Because.'.length - 1);
  });

  it('tell who runs and who waits', async () => {
    const latch = new Latch();
    const { url, client, model } = await serveText('!', {
      limits: { maxSequences: 2 },
      beforeStepEnds: () => latch.opened,
    });
    const answer = client.chat.completions.create({ ...question, n: 5 });
    await until(() => model.stats().scheduling.running > 0);
    const families = await scrape(url);
    const { running, waiting } = model.stats().scheduling;
    expect(running + waiting).toBe(5);
    expect(valueOf(families, 'moeflow_requests_running')).toBe(running);
    expect(valueOf(families, 'moeflow_requests_waiting')).toBe(waiting);
    latch.open();
    await answer;
  });

  it('never go down where they count, and have cumulative buckets where they distribute', async () => {
    const { url, client } = await serveText('Because.');
    const scrapes = [await scrape(url)];
    for (let round = 0; round < 3; round++) {
      await client.chat.completions.create({ ...question, stream: round === 1 });
      scrapes.push(await scrape(url));
    }
    scrapes.slice(1).forEach((families, i) => {
      for (const [name, { type, samples }] of families) {
        if (type === 'gauge') continue;
        for (const [sample, value] of samples) {
          expect(value, sample).toBeGreaterThanOrEqual(scrapes[i]?.get(name)?.samples.get(sample) ?? 0);
        }
      }
    });
    for (const [name, { type, samples }] of scrapes.at(-1) as Map<string, Family>) {
      if (type !== 'histogram') continue;
      const buckets = [...samples].filter(([sample]) => sample.startsWith(`${name}_bucket`));
      const bounds = buckets.map(([sample]) => Number(/le="(.+)"/.exec(sample)?.[1]?.replace('+Inf', 'Infinity')));
      expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
      expect(bounds.at(-1)).toBe(Number.POSITIVE_INFINITY);
      const counts = buckets.map(([, value]) => value);
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      expect(counts.at(-1)).toBe(samples.get(`${name}_count`));
      expect(samples.get(`${name}_sum`)).toBeGreaterThan(0);
    }
  });
});

describe('the text format', () => {
  it('escapes what would end a label or a line', () => {
    const text = metricsText([
      { name: 'a', type: 'gauge', help: 'one\\two\nthree', samples: [{ labels: { name: 'a"b\\c\nd' }, value: 1 }] },
    ]);
    expect(text).toBe('# HELP a one\\\\two\\nthree\n# TYPE a gauge\na{name="a\\"b\\\\c\\nd"} 1\n');
  });

  it('writes values that are no numbers as Prometheus does', () => {
    const samples = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21].map((value, i) => ({
      labels: { i: String(i) },
      value,
    }));
    const text = metricsText([{ name: 'a', type: 'gauge', help: 'a', samples }]);
    expect(
      text
        .split('\n')
        .slice(2, 6)
        .map((line) => line.split(' ')[1]),
    ).toEqual(['NaN', '+Inf', '-Inf', '1e+21']);
  });
});
