import { describe, expect, it } from 'vitest';
import { DisposedError } from '../../lib/index.js';
import { scriptedModel, turnsOfEventLoop } from '../support/scripted-engine.js';

/** A step that ends when the test says so. */
class Latch {
  readonly reached: Promise<void>;
  readonly #arrive: () => void;
  readonly #opened: Promise<void>;
  readonly open: () => void;

  constructor() {
    let arrive = () => {};
    let open = () => {};
    this.reached = new Promise((resolve) => (arrive = resolve));
    this.#opened = new Promise((resolve) => (open = resolve));
    this.#arrive = arrive;
    this.open = open;
  }

  wait(): Promise<void> {
    this.#arrive();
    return this.#opened;
  }
}

const say = { token: () => 0 };

describe('generations at the same time', () => {
  it('share steps: a long prompt is read in what the generating ones leave of each step', async () => {
    const { model, engine } = await scriptedModel({ ...say, batchRows: 10, beforeStepEnds: () => turnsOfEventLoop(1) });
    const talker = model.generate([1], { maxTokens: 60 });
    await turnsOfEventLoop(5);

    await model.generate(new Int32Array(45).fill(7), { maxTokens: 1 }).result;
    const tokensPerStep = engine.steps.map((step) => step.reduce((sum, { tokens }) => sum + tokens, 0));
    const withPrompt = engine.steps.filter((step) => step.some(({ sequence }) => sequence === 1));
    await talker.result;

    expect(Math.max(...tokensPerStep)).toBeLessThanOrEqual(10);
    expect(withPrompt.map((step) => step.map(({ tokens }) => tokens))).toEqual(new Array(5).fill([1, 9]));
  });

  it('all come to an end when there are more of them than tokens in a step', async () => {
    const { model, engine } = await scriptedModel({ ...say, batchRows: 3 });

    const results = await Promise.all(
      Array.from({ length: 11 }, (_, i) => model.generate([i + 1, 5], { maxTokens: 20 }).result),
    );

    expect(results.map(({ tokens }) => tokens.length)).toEqual(new Array(11).fill(20));
    await turnsOfEventLoop(1);
    expect(engine.freed.sort((a, b) => a - b)).toEqual([...Array(11).keys()]);
  });
});

describe('a generation that is aborted in the middle of a step', () => {
  it('alone stops the step, which is then forgotten', async () => {
    const latch = new Latch();
    const { model, engine } = await scriptedModel({
      ...say,
      beforeStepEnds: (step) => (step === 0 ? latch.wait() : undefined),
    });
    const controller = new AbortController();
    const generation = model.generate([1, 2], { signal: controller.signal });
    await latch.reached;

    controller.abort('changed my mind');

    await expect(generation.result).rejects.toBe('changed my mind');
    latch.open();
    await turnsOfEventLoop(5);
    expect(engine.cancelled).toEqual([0]);
    expect(engine.steps).toHaveLength(1);
    expect(engine.freed).toEqual([0]);
  });

  it('leaves the others in the step alone', async () => {
    const latch = new Latch();
    const { model, engine } = await scriptedModel({
      ...say,
      beforeStepEnds: (step) => (step === 0 ? latch.wait() : undefined),
    });
    const controller = new AbortController();
    const aborted = model.generate([1, 2], { signal: controller.signal });
    const other = model.generate([3, 4], { maxTokens: 5 });
    await latch.reached;

    controller.abort('changed my mind');
    latch.open();

    await expect(aborted.result).rejects.toBe('changed my mind');
    expect((await other.result).tokens).toHaveLength(5);
    expect(engine.cancelled).toEqual([]);
  });

  it('does not stop one that has come while the step was being given up', async () => {
    const latch = new Latch();
    const { model } = await scriptedModel({
      ...say,
      beforeStepEnds: (step) => (step === 0 ? latch.wait() : undefined),
    });
    const controller = new AbortController();
    const aborted = model.generate([1], { signal: controller.signal });
    await latch.reached;
    controller.abort('changed my mind');
    const later = model.generate([2], { maxTokens: 3 });
    latch.open();

    await expect(aborted.result).rejects.toBe('changed my mind');
    expect((await later.result).tokens).toHaveLength(3);
  });
});

describe('a step that fails', () => {
  it('ends the generations in it with its error, and no others', async () => {
    const { model } = await scriptedModel({
      ...say,
      beforeStepEnds: (step) =>
        step === 2 ? Promise.reject(Object.assign(new Error('no memory'), { code: 'OUT_OF_MEMORY' })) : undefined,
    });

    const first = model.generate([1]);

    await expect(first.result).rejects.toMatchObject({ code: 'OUT_OF_MEMORY', message: 'no memory' });
    expect((await model.generate([1], { maxTokens: 4 }).result).tokens).toHaveLength(4);
  });
});

describe('disposing of the model in the middle of a step', () => {
  it('ends all generations at once, and waits for the engine before its memory goes', async () => {
    const latch = new Latch();
    const { model, engine } = await scriptedModel({ ...say, beforeStepEnds: () => latch.wait() });
    const generations = [model.generate([1]), model.generate([2])];
    await latch.reached;

    const disposing = model.dispose();

    for (const { result } of generations) await expect(result).rejects.toBeInstanceOf(DisposedError);
    expect(engine.disposed).toBe(false);
    latch.open();
    await disposing;
    expect(engine.disposed).toBe(true);
    expect(engine.freed.sort()).toEqual([0, 1]);
  });
});
