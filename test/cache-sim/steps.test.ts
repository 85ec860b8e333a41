import { describe, expect, it } from 'vitest';
import { type StepFormer, stepsAsRecorded, stepsSideBySide } from '../../lib/cache-sim/steps.js';
import { DECODE, PREFILL, type Trace } from '../../lib/trace/trace.js';
import { tinyTrace } from './made-up-traces.js';

/** Each step as the experts of its tokens, "p" before those of prompts and "|" before a sequence that begins anew. */
async function stepsOf(trace: Trace, former: StepFormer): Promise<string[]> {
  const texts: string[] = [];
  const take = (steps: ReturnType<StepFormer['add']>) => {
    for (const { routes, stepTokens, generating, begins } of steps) {
      let token = 0;
      for (const count of stepTokens ?? new Int32Array(routes.length).fill(1)) {
        const experts = routes.subarray(token, token + count);
        const isPrompt = generating !== undefined && generating[token] === 0;
        texts.push(`${begins && token === 0 ? '|' : ''}${isPrompt ? 'p' : ''}${experts.join('+')}`);
        token += count;
      }
    }
  };
  for await (const tokens of trace.chunks()) {
    // Also where chunks end must not matter.
    for (let row = 0; row < tokens.count; row++) {
      const one = <T extends Int32Array | Uint8Array>(values: T) => values.slice(row, row + 1) as T;
      take(
        former.add({
          ...tokens,
          count: 1,
          sequence: one(tokens.sequence),
          phase: one(tokens.phase),
          experts: one(tokens.experts),
        }),
      );
    }
  }
  take(former.end());
  return texts;
}

const P = PREFILL;
const D = DECODE;

describe('steps as recorded', () => {
  it('are a decoded token each, and prompts in parts', async () => {
    const trace = tinyTrace(9, [
      [0, P, 1],
      [0, P, 2],
      [0, P, 3],
      [0, D, 4],
      [0, D, 5],
      [1, P, 6],
      [2, P, 7],
      [2, P, 8],
    ]);
    expect(await stepsOf(trace, stepsAsRecorded(trace, 2))).toEqual(['p1+2', 'p3', '4', '5', 'p6', 'p7+8']);
    expect(await stepsOf(trace, stepsAsRecorded(trace, 512))).toEqual(['p1+2+3', '4', '5', 'p6', 'p7+8']);
  });

  it('are the same when a chunk holds all', async () => {
    const trace = tinyTrace(9, [
      [0, P, 1],
      [0, P, 2],
      [0, D, 4],
      [1, P, 6],
      [1, P, 6],
      [1, P, 5],
    ]);
    const former = stepsAsRecorded(trace, 2);
    const sizes: number[][] = [];
    for await (const tokens of trace.chunks()) {
      for (const { stepTokens, routes } of [...former.add(tokens), ...former.end()]) {
        sizes.push([...(stepTokens ?? [routes.length])]);
      }
    }
    expect(sizes).toEqual([[2], [1], [2], [1]]);
  });
});

describe('steps side by side', () => {
  // Three sequences that alternate; the first is longer.
  const trace = tinyTrace(9, [
    [7, P, 0],
    [7, P, 1],
    [3, D, 4],
    [7, D, 2],
    [5, D, 6],
    [3, D, 5],
    [7, D, 3],
    [7, D, 8],
  ]);
  const lengths = new Map([
    [7, 5],
    [3, 2],
    [5, 1],
  ]);
  const options = { promptTokens: 8, lengths, begins: false };

  it('decode a token of each sequence of a group, after their prompts', async () => {
    expect(await stepsOf(trace, stepsSideBySide(trace, { ...options, batch: 2 }))).toEqual([
      'p0+1',
      '2+4',
      '3+5',
      '8',
      '6',
    ]);
    expect(await stepsOf(trace, stepsSideBySide(trace, { ...options, batch: 8 }))).toEqual([
      'p0+1',
      '2+4+6',
      '3+5',
      '8',
    ]);
  });

  it('go through one sequence after another in groups of one, each of which may begin anew', async () => {
    const alone = stepsSideBySide(trace, { ...options, batch: 1, begins: true });
    expect(await stepsOf(trace, alone)).toEqual(['|p0+1', '2', '3', '8', '|4', '5', '|6']);
  });
});
