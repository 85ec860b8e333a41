import { describe, expect, it } from 'vitest';
import {
  DECODE,
  openTrace,
  PREFILL,
  type TraceHeader,
  tokensOf,
  traceInMemory,
  traceStatistics,
} from '../../lib/index.js';
import { tracesFolder } from '../support/fixtures.js';
import { small } from './tokens.js';

const header: TraceHeader = { layers: 1, experts: 4, k: 2, ranked: true };

describe('the statistics of a trace', () => {
  it('count what a token shares with the one before it, in its own sequence and phase', async () => {
    const trace = traceInMemory(
      header,
      tokensOf(header, Int32Array.of(0, 1, 1, 0, 2, 3), { sequence: 0 }), // 2 of 2, 0 of 2
      tokensOf(header, Int32Array.of(2, 3, 3, 0), { sequence: 1 }), // 1 of 2; nothing with sequence 0
      tokensOf(header, Int32Array.of(0, 1, 0, 1), { sequence: 2, phase: PREFILL }), // 2 of 2
    );
    const { reuse, meanReuse, prefillReuse, perLayer, ...counts } = await traceStatistics(trace);
    expect(counts).toEqual({ tokens: 7, prefillTokens: 2, decodeTokens: 5, sequences: 3 });
    expect(reuse).toEqual({ reused: 3, of: 6, rate: 0.5 });
    expect(meanReuse).toBe(0.5); // 2 of 4 and 1 of 2
    expect(prefillReuse).toEqual({ reused: 2, of: 2, rate: 1 });
    expect(perLayer[0]?.reuse).toEqual(reuse);
  });

  it('do not take tokens with others between them for neighbours, nor layers that were not recorded', async () => {
    expect((await traceStatistics(small)).reuse).toEqual({ reused: 0, of: 0, rate: 0 });
    const gap = tokensOf(header, Int32Array.of(0, 1, 0, 1));
    gap.position[1] = 2;
    expect((await traceStatistics(traceInMemory(header, gap))).reuse.of).toBe(0);
    const hole = tokensOf(header, Int32Array.of(0, 1, -1, -1, 0, 1));
    expect((await traceStatistics(traceInMemory(header, hole))).reuse.of).toBe(0);
  });

  it('tell how evenly experts are used', async () => {
    const even = tokensOf(header, Int32Array.of(0, 1, 2, 3));
    expect((await traceStatistics(traceInMemory(header, even))).perLayer[0]).toMatchObject({
      load: [1, 1, 1, 1],
      entropy: 2,
      entropyShare: 1,
      imbalance: 1,
    });
    const two = tokensOf(header, Int32Array.of(0, 1, 1, 0), { phase: DECODE });
    expect((await traceStatistics(traceInMemory(header, two))).perLayer[0]).toMatchObject({
      load: [2, 2, 0, 0],
      entropy: 1,
      entropyShare: 0.5,
      imbalance: 2,
    });
  });
});

describe.runIf(tracesFolder)('the reuse in published traces is that of an independent recount', () => {
  const folder = `${tracesFolder}`;
  it.each([
    ['AmanPriyanshu__GPT-OSS-MoE-ExpertFingerprinting', 1764872, 4052256, 0.4337],
    ['sqliteai__warp/trace_olmoe_299.jsonl', 16600, 38144, 0.4352],
    ['sqliteai__warp/trace_kimi_300.jsonl', 20870, 62192, 0.3356],
    ['Helldez__BigMoeOnEdge/qwen.route.csv', 13881, 36576, 0.3795],
    ['Helldez__BigMoeOnEdge/gemma.route.csv', 8163, 22860, 0.3571],
    ['Helldez__BigMoeOnEdge/gptoss.route.csv', 811, 4536, 0.1788],
  ])('%s', async (name, reused, of, mean) => {
    const statistics = await traceStatistics(await openTrace(`${folder}/${name}`));
    expect(statistics.reuse).toMatchObject({ reused, of });
    expect(statistics.meanReuse).toBeCloseTo(mean, 4);
  });
});
