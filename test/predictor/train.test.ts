import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, tokensOf, traceInMemory } from '../../lib/index.js';
import { evaluatePredictor } from '../../predictor/compare.js';
import { type TrainProgress, trainPredictor } from '../../predictor/index.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { ruledTrace, shape, small } from './made-up-routes.js';

describe('training', () => {
  it('learns routes that follow from the token and the one before it, and beats counting', async () => {
    const trace = ruledTrace({ sequences: 40 });
    const trained = await trainPredictor(trace, { ...small, epochs: 20 });
    expect(trained.backend).toBe('wasm');
    expect(trained.recall).toBeGreaterThan(0.97);
    expect(trained.modelHash).toBe('a'.repeat(64));
    const { evaluation, baselines } = await evaluatePredictor(trained, trace, { holdout: small.holdout });
    expect(evaluation.recallAt[shape.k]).toBe(trained.recall);
    expect(baselines['token-table'].recallAt[shape.k]).toBeLessThan(0.8);
    expect(baselines.oracle.recallAt[shape.k]).toBe(1);
    expect(evaluation.loss).toBeLessThan(baselines.popularity.loss / 4);
  });

  it('gives the same predictor for the same seed, another for another', async () => {
    const options = { ...small, epochs: 2 };
    const [first, again, other] = [
      await trainPredictor(ruledTrace(), options),
      await trainPredictor(ruledTrace(), options),
      await trainPredictor(ruledTrace(), { ...options, seed: 5 }),
    ];
    expect(again.weights).toEqual(first.weights);
    expect(other.weights.output).not.toEqual(first.weights.output);
  });

  it('goes on after an interruption to what it would have come to without', async () => {
    const checkpoint = join(temporaryDirectory(), 'a.checkpoint');
    const whole = await trainPredictor(ruledTrace(), { ...small, epochs: 4 });
    const stopping = new AbortController();
    const stopped = trainPredictor(ruledTrace(), {
      ...small,
      epochs: 4,
      checkpoint,
      signal: stopping.signal,
      onProgress: ({ epoch, batch }) => {
        if (epoch === 3 && batch === 2) stopping.abort(new Error('enough'));
      },
    });
    await expect(stopped).rejects.toThrow('enough');
    expect(existsSync(checkpoint)).toBe(true);
    const epochs: number[] = [];
    const resumed = await trainPredictor(ruledTrace(), {
      ...small,
      epochs: 4,
      checkpoint,
      onProgress: ({ epoch }) => epochs.push(epoch),
    });
    expect(Math.min(...epochs)).toBe(3);
    expect(resumed.weights).toEqual(whole.weights);
    expect(existsSync(checkpoint)).toBe(false);
  });

  it('does not go on from a training with other settings', async () => {
    const checkpoint = join(temporaryDirectory(), 'a.checkpoint');
    const stopping = new AbortController();
    const onProgress = ({ epoch }: TrainProgress) => {
      if (epoch === 2) stopping.abort(new Error('enough'));
    };
    await trainPredictor(ruledTrace(), { ...small, checkpoint, signal: stopping.signal, onProgress }).catch(() => {});
    await expect(trainPredictor(ruledTrace(), { ...small, hidden: 25, checkpoint })).rejects.toThrow(
      /other settings.*delete/,
    );
  });

  it('stops when it does not get better', async () => {
    // Routes by chance: what is learned of some sequences makes others worse.
    const random = ruledTrace({ sequences: 12, tokens: 30 });
    const parts = [];
    for await (const part of random.chunks()) {
      parts.push({ ...part, experts: part.experts.map((_, i) => (((i * 2654435761) >>> 7) % 4) + 4 * (i % 2)) });
    }
    const trained = await trainPredictor(traceInMemory({ ...shape, ranked: true }, ...parts), { ...small, epochs: 60 });
    expect(trained.epochs).toBeLessThan(60);
  });

  it('tells how far it is, with the loss and, at the end of an epoch, the recall on other sequences', async () => {
    const seen: TrainProgress[] = [];
    await trainPredictor(ruledTrace(), { ...small, epochs: 2, onProgress: (progress) => seen.push(progress) });
    const ends = seen.filter(({ validation }) => validation);
    expect(ends.map(({ epoch, batch, batches }) => [epoch, batch === batches])).toEqual([
      [1, true],
      [2, true],
    ]);
    expect(ends[1]?.validation?.recall).toBeGreaterThan(0);
    expect(ends[1]?.loss).toBeLessThan(ends[0]?.loss as number);
  });

  it('takes sequences of no and of one token', async () => {
    const parts = [];
    for await (const part of ruledTrace().chunks()) parts.push(part);
    const none = tokensOf({ ...shape, ranked: true }, new Int32Array(), { sequence: 100 });
    const one = {
      ...tokensOf({ ...shape, ranked: true }, Int32Array.of(0, 1, 2, 3, 4, 5), { sequence: 101 }),
      token: Int32Array.of(3),
    };
    const trained = await trainPredictor(traceInMemory({ ...shape, ranked: true }, ...parts, none, one), {
      ...small,
      epochs: 1,
    });
    expect(trained.trainedTokens + trained.heldOutTokens).toBeGreaterThan(0);
  });

  it('refuses what it cannot learn from, and options that make no sense', async () => {
    await expect(trainPredictor(ruledTrace({ sequences: 2 }), small)).rejects.toThrow(/too few/);
    const nameless = [];
    for await (const part of ruledTrace().chunks()) nameless.push({ ...part, token: part.token.map(() => -1) });
    await expect(trainPredictor(traceInMemory({ ...shape, ranked: true }, ...nameless), small)).rejects.toThrow(
      /no token ids.*moeflow trace record/,
    );
    await expect(trainPredictor(ruledTrace(), { ...small, epochs: 0 })).rejects.toThrow(InvalidArgumentError);
    await expect(trainPredictor(ruledTrace(), { ...small, hiden: 3 } as never)).rejects.toThrow(/did you mean hidden/);
  });

  it('names the package to install when a back end is not there', async () => {
    await expect(trainPredictor(ruledTrace(), { ...small, backend: 'tfjs-node-gpu' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/npm install @tensorflow\/tfjs-node-gpu/),
    });
  });
});
