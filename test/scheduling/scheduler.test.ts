import { describe, expect, it } from 'vitest';
import { DisposedError, QueueFullError } from '../../lib/index.js';
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

  it('for what one generation asks of it ends that one alone', async () => {
    const { model, engine } = await scriptedModel({
      ...say,
      beforeStepEnds: (step) =>
        engine.steps[step]?.some(({ sequence }) => sequence === 1)
          ? Promise.reject(Object.assign(new Error('item 1 is wrong'), { code: 'INVALID_ARGUMENT' }))
          : undefined,
    });

    const others = [model.generate([1], { maxTokens: 9 })];
    const wrong = model.generate([2], { maxTokens: 9 });
    others.push(model.generate([3], { maxTokens: 9 }));

    await expect(wrong.result).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    for (const { result } of others) expect((await result).tokens).toHaveLength(9);
  });

  it('ends nobody else when what it says to one cannot be taken in', async () => {
    const nonsense = 1_000_000;
    const { model } = await scriptedModel({ token: (generated, sequence) => (sequence ? 0 : generated && nonsense) });

    const wrong = model.generate([1], { maxTokens: 9 });
    const other = model.generate([2], { maxTokens: 9 });

    await expect(wrong.result).rejects.toThrow('1000000');
    expect((await other.result).tokens).toHaveLength(9);
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

/** What comes next depends on all tokens before: whoever loses or repeats one says something else from there on. */
const fingerprint = (tokens: readonly number[]) =>
  tokens.reduce((hash, token) => (Math.imul(hash, 31) + token) >>> 0, 7) % 4000;
const saying = { token: (_: number, __: number, tokens: readonly number[]) => fingerprint(tokens) };

function spoken(prompt: readonly number[], count: number): number[] {
  const tokens = [...prompt];
  while (tokens.length < prompt.length + count) tokens.push(fingerprint(tokens));
  return tokens.slice(prompt.length);
}

describe('generations that do not all fit in the key/value cache', () => {
  it('get all their tokens, as the newest ones wait or read theirs again', async () => {
    const { model, engine } = await scriptedModel({ ...saying, contextLength: 200, kvCacheTokens: 208 });
    const prompts = Array.from({ length: 9 }, (_, i) => new Array<number>(12 * i + 5).fill(i + 1));

    const results = await Promise.all(
      prompts.map((prompt) => model.generate(prompt, { maxTokens: 80, ignoreEos: true }).result),
    );

    results.forEach(({ tokens }, i) => {
      expect(tokens).toEqual(spoken(prompts[i] as number[], 80));
    });
    expect(results[0]?.stats.pauses).toBe(0);
    expect(model.stats().scheduling.pauses).toBeGreaterThan(0);
    await turnsOfEventLoop(1);
    expect(engine.kvBlocksInUse()).toBe(0);
    expect(model.stats().scheduling).toMatchObject({ running: 0, waiting: 0, kvCacheTokensInUse: 0 });
  });
});

describe('generations whose prompts begin alike', () => {
  it('read the beginning once, and share its blocks until each has gone', async () => {
    const { model, engine } = await scriptedModel(saying);
    const beginning = Array.from({ length: 100 }, (_, i) => i + 1);
    const prompts = Array.from({ length: 5 }, (_, i) => [...beginning, 2000 + i, 3000 + i]);

    const results = await Promise.all(
      prompts.map((prompt, i) => model.generate(prompt, { maxTokens: 10 + i, ignoreEos: true }).result),
    );

    results.forEach(({ tokens }, i) => {
      expect(tokens).toEqual(spoken(prompts[i] as number[], 10 + i));
    });
    expect(results.map(({ stats }) => stats.sharedPromptTokens)).toEqual([0, 96, 96, 96, 96]);
    const read = engine.steps.flat().reduce((sum, { tokens }) => sum + tokens, 0);
    expect(read).toBe(102 + 4 * 6 + (9 + 10 + 11 + 12 + 13));
    await turnsOfEventLoop(1);
    expect(engine.kvBlocksInUse()).toBe(0);
  });

  it('are right too when the first one is aborted while the others wait for it', async () => {
    const latch = new Latch();
    const { model } = await scriptedModel({
      ...saying,
      batchRows: 32,
      beforeStepEnds: (step) => (step === 1 ? latch.wait() : undefined),
    });
    const prompt = Array.from({ length: 100 }, (_, i) => i + 1);
    const controller = new AbortController();
    const first = model.generate(prompt, { signal: controller.signal });
    const second = model.generate([...prompt, 5], { maxTokens: 12, ignoreEos: true });
    await latch.reached;

    controller.abort('changed my mind');
    latch.open();

    await expect(first.result).rejects.toBe('changed my mind');
    expect((await second.result).tokens).toEqual(spoken([...prompt, 5], 12));
  });
});

describe('more generations than may be under way', () => {
  it('wait, and begin in the order of their priority and arrival', async () => {
    const { model, engine } = await scriptedModel({ ...say, limits: { maxSequences: 1 } });
    const began: number[] = [];
    const ask = (id: number, priority?: number) => {
      const generation = model.generate([id, 7], { maxTokens: 3, priority });
      return generation.result.then(({ stats }) => {
        began.push(id);
        return stats;
      });
    };

    const stats = await Promise.all([ask(1), ask(2), ask(3, 5), ask(4, -1), ask(5, 5)]);

    expect(began).toEqual([3, 5, 1, 2, 4]);
    expect(Math.max(...engine.steps.map((step) => step.length))).toBe(1);
    expect(stats[3]?.queueSeconds).toBeGreaterThan(stats[2]?.queueSeconds as number);
  });

  it('are refused when the queue is full, which those that wait do not notice', async () => {
    const latch = new Latch();
    const { model } = await scriptedModel({
      ...say,
      limits: { maxSequences: 2, maxQueued: 3 },
      beforeStepEnds: () => latch.wait(),
    });
    const generate = () => model.generate([1, 2], { maxTokens: 2 });
    const begun = [generate(), generate()];
    await latch.reached;
    const waiting = [generate(), generate(), generate()];

    expect(generate).toThrow(QueueFullError);
    expect(generate).toThrow('3 requests are waiting already');
    expect(model.stats().scheduling).toMatchObject({ running: 2, waiting: 3 });
    latch.open();
    for (const { result } of [...begun, ...waiting]) expect((await result).tokens).toHaveLength(2);
    expect((await generate().result).tokens).toHaveLength(2);
  });

  it('has room for the next one as soon as one has ended', async () => {
    const { model } = await scriptedModel({ ...say, limits: { maxSequences: 1, maxQueued: 0 } });
    for (let i = 0; i < 5; i++) {
      expect((await model.generate([1], { maxTokens: 3 }).result).tokens).toHaveLength(3);
    }
    const left = model.generate([1]);
    left.stop();
    expect((await model.generate([2], { maxTokens: 3 }).result).tokens).toHaveLength(3);
  });

  it('take turns where a step generates for a few of them only', async () => {
    const { model, engine } = await scriptedModel({ ...saying, limits: { sequencesPerStep: 2 } });
    const results = await Promise.all(
      [1, 2, 3, 4, 5].map((id) => model.generate([id], { maxTokens: 9, ignoreEos: true }).result),
    );
    results.forEach(({ tokens }, i) => {
      expect(tokens).toEqual(spoken([i + 1], 9));
    });
    const generating = engine.steps.slice(1);
    expect(Math.max(...generating.map((step) => step.length))).toBe(2);
  });
});

describe('a deadline', () => {
  it('ends a generation with the text that there is', async () => {
    const { model } = await scriptedModel({ ...say, beforeStepEnds: () => turnsOfEventLoop(1) });
    const { finishReason, tokens } = await model.generate([1], { deadlineSeconds: 0.05, ignoreEos: true }).result;
    expect(finishReason).toBe('deadline');
    expect(tokens.length).toBeGreaterThan(0);
  });

  it('ends one that is still waiting, and none that was done before', async () => {
    const latch = new Latch();
    const { model } = await scriptedModel({
      ...say,
      limits: { maxSequences: 1 },
      beforeStepEnds: (step) => (step === 0 ? latch.wait() : undefined),
    });
    const first = model.generate([1], { maxTokens: 3, deadlineSeconds: 60 });
    const second = model.generate([2], { maxTokens: 3, deadlineSeconds: 0.01 });

    expect(await second.result).toMatchObject({ finishReason: 'deadline', tokens: [], text: '' });
    latch.open();
    expect((await first.result).finishReason).toBe('length');
  });
});

describe('a reader that does not read', () => {
  it('gives its place to others that wait, and goes on where it was when it reads again', async () => {
    const { model, engine } = await scriptedModel({ ...saying, limits: { maxSequences: 1 } });
    const slow = model.generate([1, 2, 3], { maxTokens: 200, ignoreEos: true });
    const reader = slow[Symbol.asyncIterator]();
    await reader.next();
    await turnsOfEventLoop(400);
    expect(model.stats().scheduling.running).toBe(1);

    const others = [
      model.generate([4], { maxTokens: 5, ignoreEos: true }),
      model.generate([5], { maxTokens: 5, ignoreEos: true }),
    ];
    for (const { result } of others) expect((await result).tokens).toHaveLength(5);
    while (!(await reader.next()).done);

    const { tokens, stats } = await slow.result;
    expect(tokens).toEqual(spoken([1, 2, 3], 200));
    expect(stats.pauses).toBe(1);
    await turnsOfEventLoop(1);
    expect(engine.kvBlocksInUse()).toBe(0);
  });

  it('and has lost its place can leave, and nothing waits for it any more', async () => {
    const { model, engine } = await scriptedModel({ ...saying, limits: { maxSequences: 1 } });
    const slow = model.generate([1, 2, 3], { maxTokens: 200, ignoreEos: true });
    const reader = slow[Symbol.asyncIterator]();
    await reader.next();
    await turnsOfEventLoop(400);
    await model.generate([4], { maxTokens: 5, ignoreEos: true }).result;
    await turnsOfEventLoop(5);
    expect(model.stats().scheduling).toMatchObject({ running: 0, waiting: 1, pauses: 1 });

    await reader.return();

    expect((await slow.result).finishReason).toBe('cancelled');
    await model.dispose();
    expect(engine.disposed).toBe(true);
  });

  it.each([0, 1])('takes no place of those that wait, of which there may be %i', async (maxQueued) => {
    const { model } = await scriptedModel({ ...saying, limits: { maxSequences: 1, maxQueued } });
    const slow: AsyncIterator<string>[] = [];
    for (let i = 0; i < 3; i++) {
      const reader = model.generate([1, 2, i], { maxTokens: 200, ignoreEos: true })[Symbol.asyncIterator]();
      await reader.next();
      await turnsOfEventLoop(400);
      slow.push(reader);
    }
    expect(model.stats().scheduling).toMatchObject({ running: 1, waiting: 2 });

    const another = model.generate([4], { maxTokens: 5, ignoreEos: true });
    const waiting = Array.from({ length: maxQueued }, () => model.generate([5], { maxTokens: 5, ignoreEos: true }));

    expect(() => model.generate([6])).toThrow(QueueFullError);
    for (const { result } of [another, ...waiting]) expect((await result).tokens).toHaveLength(5);
    for (const reader of slow) while (!(await reader.next()).done);
    await turnsOfEventLoop(1);
    expect(model.stats().scheduling).toMatchObject({ running: 0, waiting: 0, kvCacheTokensInUse: 0 });
  });
});
