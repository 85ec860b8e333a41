import { describe, expect, test } from 'vitest';
import { InvalidArgumentError } from '../../lib/errors.js';
import { below, uniforms } from '../../lib/random.js';
import { DECODE, PREFILL, type Trace, type TraceTokens, traceInMemory } from '../../lib/trace/trace.js';
import { tensorFlow } from '../../predictor/backend.js';
import { readRoutes, rowsOf } from '../../predictor/dataset.js';
import { paperScores } from '../../predictor/paper/scores.js';
import { readWindows, rowsAfterPrompts, shuffledWindows, type Window } from '../../predictor/paper/sequences.js';
import { trainPaperPredictor } from '../../predictor/paper/train.js';
import type { TrainProgress } from '../../predictor/train.js';

const tiny = { width: 16, blocks: 1, heads: 2, headWidth: 8, inner: 32 };

interface MadeToken {
  sequence: number;
  token: number;
  phase?: number;
  /** [layers] of one expert each. */
  route: number[];
}

function traceOf(experts: number, made: readonly MadeToken[]): Trace {
  const layers = made[0]?.route.length as number;
  const seen = new Map<number, number>();
  const position = made.map(({ sequence }) => {
    const at = seen.get(sequence) ?? 0;
    seen.set(sequence, at + 1);
    return at;
  });
  const tokens: TraceTokens = {
    count: made.length,
    sequence: Int32Array.from(made, ({ sequence }) => sequence),
    position: Int32Array.from(position),
    token: Int32Array.from(made, ({ token }) => token),
    phase: Uint8Array.from(made, ({ phase = DECODE }) => phase),
    experts: Int32Array.from(made.flatMap(({ route }) => route)),
  };
  return traceInMemory({ layers, experts, k: 1, ranked: true }, tokens);
}

/** Layer 0 by the token's id, layer 1 of decoded tokens by which of two ids the prompt repeats. */
function lawfulTrace(sequences: number, length: number, known = 12): Trace {
  const random = uniforms(5);
  const made: MadeToken[] = [];
  for (let sequence = 0; sequence < sequences; sequence++) {
    const asked = below(2, random);
    for (let at = 0; at < length; at++) {
      const phase = at < 4 ? PREFILL : DECODE;
      const token = phase === PREFILL ? known + asked : below(known, random);
      made.push({ sequence, token, phase, route: [(token * 5) % 8, phase === PREFILL ? 7 : asked] });
    }
  }
  return traceOf(8, made);
}

describe('training', () => {
  test('learns a law of tokens and prompts, and tells how it went', async () => {
    const heard: TrainProgress[] = [];
    const trained = await trainPaperPredictor(lawfulTrace(40, 24), {
      ...tiny,
      holdout: 'even-odd',
      epochs: 30,
      bodyRate: 0.02,
      headRate: 0.02,
      dropout: 0,
      onProgress: (progress) => heard.push(progress),
    });
    // Chance has 1/8 of layer 0 and, without the prompt, a half of layer 1.
    expect(trained.afterPrompts.recallByLayer[0]).toBeGreaterThan(0.97);
    expect(trained.afterPrompts.recallByLayer[1]).toBeGreaterThan(0.97);
    expect(trained.evaluation.rows).toBe(20 * 24);
    expect(trained.afterPrompts.rows).toBe(20 * 20);
    expect(trained.heldOutTokens).toBe(20 * 24);
    expect(trained.trainedTokens).toBe(18 * 24);
    const ends = heard.filter(({ validation }) => validation);
    expect(ends).toHaveLength(trained.epochs);
    expect(ends.at(-1)?.validation?.loss).toBeLessThan((ends[0]?.validation?.loss as number) / 2);
  });

  test('gives the same numbers again for the same seed, and others for another', async () => {
    const trace = lawfulTrace(8, 8);
    const train = (seed: number) => trainPaperPredictor(trace, { ...tiny, holdout: 'even-odd', epochs: 1, seed });
    const [first, again, other] = [await train(1), await train(1), await train(2)];
    expect(again.weights).toEqual(first.weights);
    expect(other.weights.arrays.head).not.toEqual(first.weights.arrays.head);
  });

  test('does with prompts, layers and tokens that were not recorded', async () => {
    const made: MadeToken[] = Array.from({ length: 8 * 16 }, (_, i) => {
      const at = i % 16;
      const route = at < 4 || at % 5 === 0 ? [-1, -1] : [at % 3 === 0 ? -1 : 2, 3];
      return { sequence: i >> 4, token: at % 4, phase: at < 4 ? PREFILL : DECODE, route };
    });
    const options = { ...tiny, epochs: 20, bodyRate: 0.02, headRate: 0.02 };
    const trained = await trainPaperPredictor(traceOf(4, made), { ...options, holdout: 'even-odd' });
    expect(trained.evaluation.rows).toBe(4 * 9);
    expect(trained.afterPrompts.rows).toBe(4 * 9);
    expect(trained.recall).toBe(1);
  });

  test('stops when it is told to', async () => {
    const controller = new AbortController();
    const training = trainPaperPredictor(lawfulTrace(8, 8), {
      ...tiny,
      onProgress: () => controller.abort(new Error('enough')),
      holdout: 'even-odd',
      epochs: 10_000,
      signal: controller.signal,
    });
    await expect(training).rejects.toThrow('enough');
  });

  test('refuses a trace without token ids, and options that it does not have', async () => {
    const blind = traceOf(
      4,
      Array.from({ length: 16 }, (_, i) => ({ sequence: i >> 2, token: -1, route: [1, 2] })),
    );
    await expect(trainPaperPredictor(blind, { ...tiny, holdout: 'even-odd' })).rejects.toThrow('token ids');
    const wrong = trainPaperPredictor(blind, { widht: 3 } as object);
    await expect(wrong).rejects.toThrow(InvalidArgumentError);
  });
});

async function windowsOf(trace: Trace): Promise<Window[]> {
  return readWindows(trace, await readRoutes(trace, 'none'));
}

function plain({ prompt, decoded, rows }: Window): number[][] {
  return [[...prompt], [...decoded], [...rows]];
}

describe('windows', () => {
  const token = (sequence: number, id: number, phase: number) => ({ sequence, token: id, phase, route: [0] });

  test('predict the prompt without one, and what is decoded after it', async () => {
    const trace = traceOf(2, [
      token(7, 10, PREFILL),
      token(3, 20, DECODE),
      token(7, 11, PREFILL),
      { ...token(7, 12, DECODE), route: [-1] },
      token(7, 13, DECODE),
    ]);
    expect((await windowsOf(trace)).map(plain)).toEqual([
      [[], [20], [0]],
      [[], [10, 11], [1, 2]],
      [
        [10, 11],
        [12, 13],
        [-1, 3],
      ],
    ]);
  });

  test('of a sequence of one phase have their first quarter for a prompt, and 512 tokens at most', async () => {
    for (const phase of [PREFILL, DECODE]) {
      const windows = await windowsOf(
        traceOf(
          2,
          Array.from({ length: 520 }, (_, i) => token(0, i, phase)),
        ),
      );
      expect(windows.map(({ prompt, decoded }) => [prompt.length, decoded[0], decoded.length])).toEqual([
        [0, 0, 128],
        [128, 128, 384],
        [0, 512, 2],
        [2, 514, 6],
      ]);
      expect(windows.flatMap(({ rows }) => [...rows])).toEqual(Array.from({ length: 520 }, (_, i) => i));
      expect(rowsAfterPrompts(windows).map(({ first, count }) => [first, count])).toEqual([
        [128, 384],
        [514, 6],
      ]);
    }
  });

  test("have the data set's rows of their tokens", async () => {
    const trace = lawfulTrace(9, 30);
    const routes = await readRoutes(trace, 'none');
    const windows = await readWindows(trace, routes);
    for (const { decoded, rows } of windows) expect(routes.dataset.batch(rows).tokens).toEqual(decoded);
    expect(windows.flatMap(({ rows }) => [...rows])).toEqual([...rowsOf(routes.sequences)]);
  });

  test('are each learned from once an epoch, cut to a fifth or more', async () => {
    const windows = await windowsOf(lawfulTrace(30, 64));
    const seen = [...shuffledWindows(windows, 4, uniforms(0))];
    expect(seen.slice(0, -1).every((group) => group.length === 4)).toBe(true);
    const shares = seen.flat().map(({ rows }) => rows.length / (rows.length === 0 ? 1 : wholeOf(windows, rows)));
    expect(shares).toHaveLength(windows.length);
    expect(new Set(seen.flat().map(({ rows }) => rows[0])).size).toBe(windows.length);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.2);
    expect(Math.min(...shares)).toBeLessThan(0.4);
    expect(Math.max(...shares)).toBeGreaterThan(0.9);
  });
});

function wholeOf(windows: readonly Window[], rows: Int32Array): number {
  return windows.find((window) => window.rows[0] === rows[0])?.rows.length as number;
}

describe('scores', () => {
  test("are the same whatever is asked for with them, and a window's length does not matter to another", async () => {
    const { tf } = await tensorFlow('wasm');
    const trace = lawfulTrace(6, 20);
    const { weights } = await trainPaperPredictor(trace, { ...tiny, holdout: 'even-odd', epochs: 2 });
    const routes = await readRoutes(trace, 'none');
    const windows = await readWindows(trace, routes);
    const all = await paperScores(windows, weights, tf)(rowsOf(routes.sequences));
    const some = Int32Array.of(77, 3, 50);
    const scorer = paperScores(windows, weights, tf);
    const alone = await scorer(some);
    const outputs = 16;
    some.forEach((row, i) => {
      expect([...alone.subarray(i * outputs, (i + 1) * outputs)]).toEqual([
        ...all.subarray(row * outputs, (row + 1) * outputs),
      ]);
    });
    expect(() => scorer(Int32Array.of(1000))).toThrow('row 1000');
  });
});
