import { describe, expect, it } from 'vitest';
import { scriptedModel, turnsOfEventLoop } from '../support/scripted-engine.js';

/** Says "!" for ever, at most one per turn of the event loop. */
const endless = { token: () => 0, beforeStepEnds: () => turnsOfEventLoop(1) };

describe('a reader that leaves the loop', () => {
  it('ends the work of the engine', async () => {
    const { model, engine } = await scriptedModel(endless);
    const generation = model.generate([1, 2, 3]);

    for await (const piece of generation) {
      expect(piece).toBe('!');
      break;
    }

    expect(await generation.result).toMatchObject({ finishReason: 'cancelled', text: expect.stringMatching(/^!+$/) });
    await turnsOfEventLoop(10);
    const steps = engine.steps.length;
    await turnsOfEventLoop(50);
    expect(engine.steps.length).toBe(steps);
    expect(engine.freed).toEqual([0]);
  });

  it('by an error of its own gets that error', async () => {
    const { model, engine } = await scriptedModel(endless);
    const generation = model.generate([1]);

    const reading = (async () => {
      for await (const _ of generation) throw new Error('the screen is full');
    })();

    await expect(reading).rejects.toThrow('the screen is full');
    expect((await generation.result).finishReason).toBe('cancelled');
    await turnsOfEventLoop(10);
    expect(engine.freed).toEqual([0]);
  });

  it('is no concern of the others', async () => {
    const { model, engine } = await scriptedModel(endless);
    const other = model.generate([1], { maxTokens: 100 });
    for await (const _ of model.generate([1])) break;

    expect((await other.result).tokens).toHaveLength(100);
    await turnsOfEventLoop(10);
    expect(engine.freed.sort()).toEqual([0, 1]);
  });
});

describe('several readers of one generation', () => {
  it('each get all of it', async () => {
    const { model } = await scriptedModel(endless);
    const generation = model.generate([1], { maxTokens: 20 });
    const read = async () => {
      const pieces: string[] = [];
      for await (const piece of generation) pieces.push(piece);
      return pieces;
    };
    const readers = [read(), read(), read()];
    for (const pieces of await Promise.all(readers)) expect(pieces).toEqual(Array(20).fill('!'));
  });
});

describe('a slow reader', () => {
  it('holds the generation back before the first piece too', async () => {
    const { model, engine } = await scriptedModel(endless);
    const generation = model.generate([1], { maxTokens: 1000 });
    const pieces = generation.pieces();

    await turnsOfEventLoop(400);

    expect(engine.steps.length).toBeLessThan(100);
    let text = '';
    for await (const piece of pieces) text += piece.text;
    expect(text).toBe('!'.repeat(1000));
  });

  it('holds the generation back, a few dozen pieces ahead of it', async () => {
    const { model, engine } = await scriptedModel(endless);
    const generation = model.generate([1], { maxTokens: 1000 });
    const reader = generation[Symbol.asyncIterator]();
    await reader.next();

    await turnsOfEventLoop(400);

    const ahead = engine.steps.length;
    expect(ahead).toBeGreaterThan(10);
    expect(ahead).toBeLessThan(100);
    await turnsOfEventLoop(50);
    expect(engine.steps.length).toBe(ahead);

    let read = 1;
    for (let next = await reader.next(); !next.done; next = await reader.next()) read += next.value.length;
    expect(read).toBe(1000);
    expect(await generation.result).toMatchObject({ finishReason: 'length', text: '!'.repeat(1000) });
  });

  it('does not hold back the others', async () => {
    const { model } = await scriptedModel(endless);
    const slow = model.generate([1]);
    await slow[Symbol.asyncIterator]().next();

    const other = model.generate([2], { maxTokens: 500 });

    expect((await other.result).tokens).toHaveLength(500);
    slow.stop();
    expect((await slow.result).tokens.length).toBeLessThan(100);
  });
});

describe('a slow reader that is held back while another generation ends', () => {
  async function heldBack() {
    const { model, engine } = await scriptedModel(endless);
    const slow = model.generate([1]);
    const reader = slow[Symbol.asyncIterator]();
    await reader.next();
    await turnsOfEventLoop(200);
    await model.generate([2], { maxTokens: 1 }).result;
    return { model, engine, reader }; // right now the other's sequence is being freed
  }

  it('does not keep the model from being disposed of', async () => {
    const { model, engine } = await heldBack();

    await model.dispose();

    expect(engine.freed.sort()).toEqual([0, 1]);
  });

  it('can leave, and its sequence is freed', async () => {
    const { engine, reader } = await heldBack();

    await reader.return(undefined);

    await turnsOfEventLoop(10);
    expect(engine.freed.sort()).toEqual([0, 1]);
  });
});

describe('without a reader', () => {
  it('the generation goes on to its end, and the pieces wait', async () => {
    const { model } = await scriptedModel(endless);
    const generation = model.generate([1], { maxTokens: 300 });
    await generation.result;

    const pieces: string[] = [];
    for await (const piece of generation) pieces.push(piece);

    expect(pieces.join('')).toBe('!'.repeat(300));
  });
});

describe('stop()', () => {
  it('ends the text as if the model had, for reader and result', async () => {
    const { model, engine } = await scriptedModel(endless);
    const generation = model.generate([1]);
    let read = '';

    for await (const piece of generation) {
      read += piece;
      if (read.length >= 5) generation.stop();
    }

    expect(await generation.result).toMatchObject({ finishReason: 'stop', text: read });
    await turnsOfEventLoop(10);
    expect(engine.freed).toEqual([0]);
  });

  it('after the end changes nothing', async () => {
    const { model } = await scriptedModel(endless);
    const generation = model.generate([1], { maxTokens: 2 });
    const result = await generation.result;

    generation.stop();

    expect(await generation.result).toBe(result);
    expect(result.finishReason).toBe('length');
  });

  it('before the first token gives an empty text', async () => {
    const { model } = await scriptedModel(endless);
    const generation = model.generate([1]);

    generation.stop();

    expect(await generation.result).toMatchObject({ text: '', tokens: [], finishReason: 'stop' });
  });
});
