import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, planStep as planOf, type StepLimits } from '../../lib/scheduling/plan.js';

interface Waiting extends Candidate {
  id: number;
  begun: boolean;
}

const roomy: StepLimits = {
  tokens: 512,
  promptTokens: () => 512,
  sequences: 1000,
  sequencesPerStep: 1000,
  freeBlocks: 100_000,
  blockTokens: 16,
};

/** `length` tokens that no other request begins with. */
function request(id: number, length: number, read: number | undefined, more: Partial<Waiting> = {}): Waiting {
  const tokens = new Int32Array(length).fill(id);
  const begun = read !== undefined;
  return { id, tokens, read: read ?? 0, begun, lastTurn: -1, priority: 0, mayShare: true, stalled: false, ...more };
}

const planStep = (requests: Waiting[], limits: StepLimits) => {
  const isBegun = ({ begun }: Waiting) => begun;
  return planOf(
    requests.filter(isBegun),
    requests.filter((one) => !isBegun(one)),
    limits,
  );
};
const generating = (id: number, more: Partial<Waiting> = {}) => request(id, 40, 39, more);
const planned = (requests: Waiting[], limits: Partial<StepLimits> = {}) =>
  planStep(requests, { ...roomy, ...limits }).items.map(({ request: { id }, tokens }) => [id, tokens]);

/** Some that generate, some whose prompts are being read, and some that wait, by arrival. */
const requests = fc
  .array(
    fc.oneof(
      fc.record({ length: fc.integer({ min: 2, max: 90 }), left: fc.constant(1), begun: fc.constant(true) }),
      fc.record({
        length: fc.integer({ min: 3, max: 90 }),
        left: fc.integer({ min: 2, max: 90 }),
        begun: fc.boolean(),
      }),
    ),
    { maxLength: 30 },
  )
  .map((all) =>
    all.map(({ length, left, begun }, id) => request(id, length, begun ? Math.max(0, length - left) : undefined)),
  );
const budget = fc.integer({ min: 1, max: 300 });

describe('the plan of a step', () => {
  it('fills it with what there is, and never more than fits', () => {
    fc.assert(
      fc.property(requests, budget, (all, tokens) => {
        const total = all.reduce((sum, { tokens, read }) => sum + tokens.length - read, 0);
        const items = planStep(all, { ...roomy, tokens }).items;
        expect(items.reduce((sum, item) => sum + item.tokens, 0)).toBe(Math.min(tokens, total));
      }),
    );
  });

  it('has each sequence once, with at least one and at most all of its tokens', () => {
    fc.assert(
      fc.property(requests, budget, (all, tokens) => {
        const { items } = planStep(all, { ...roomy, tokens });
        expect(new Set(items.map(({ request }) => request)).size).toBe(items.length);
        for (const { request, tokens } of items) {
          expect(tokens).toBeGreaterThanOrEqual(1);
          expect(tokens).toBeLessThanOrEqual(request.tokens.length - request.read);
        }
      }),
    );
  });

  it('lets no prompt hold up a sequence that generates', () => {
    fc.assert(
      fc.property(requests, budget, (all, tokens) => {
        const ready = all.filter(({ begun, tokens, read }) => begun && tokens.length - read === 1);
        const first = planStep(all, { ...roomy, tokens }).items.slice(0, Math.min(ready.length, tokens));
        for (const { request } of first) expect(ready).toContain(request);
        expect(first).toHaveLength(Math.min(ready.length, tokens));
      }),
    );
  });

  it('gives prompts no more than their part beside sequences that generate, and the whole step without any', () => {
    const long = request(1, 400, 0);
    expect(planned([generating(0), long], { promptTokens: () => 32 })).toEqual([
      [0, 1],
      [1, 32],
    ]);
    expect(planned([long], { promptTokens: () => 32 })).toEqual([[1, 400]]);
  });

  it('lets a short prompt pass a long one that came before', () => {
    expect(planned([request(0, 4000, 100), request(1, 30, undefined)], { tokens: 128 })).toEqual([
      [0, 98],
      [1, 30],
    ]);
  });

  it('lets the oldest and the shortest prompt get on where a step has little room', () => {
    const all = [generating(0), request(1, 4000, 100), request(2, 300, 200), request(3, 30, undefined)];
    expect(planned(all, { promptTokens: () => 16 })).toEqual([
      [0, 1],
      [1, 8],
      [3, 8],
    ]);
    expect(planned(all, { promptTokens: () => 1 })[1]).toEqual([1, 1]);
  });

  it('serves those of a higher priority first', () => {
    const [low, high] = [request(1, 400, 0), request(2, 300, undefined, { priority: 1 })];
    expect(planned([high, low], { tokens: 350 })).toEqual([
      [2, 300],
      [1, 50],
    ]);
    const talkers = [generating(1), generating(2, { priority: 1, lastTurn: 8 })];
    expect(planned(talkers, { sequencesPerStep: 1 })).toEqual([[2, 1]]);
  });

  it('serves every generating sequence within as many steps as there are batches of them, and equally often', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 12 }), (count, most) => {
        let all = Array.from({ length: count }, (_, id) => generating(id));
        const turns = new Array<number>(count).fill(0);
        const rounds = 6;
        const batches = Math.ceil(count / most);
        let turn = 0;
        for (let step = 0; step < batches * rounds; step++) {
          for (const [id] of planned(all, { sequencesPerStep: most }) as [number, number][]) {
            turns[id] = (turns[id] as number) + 1;
            all = all.map((one) => (one.id === id ? { ...one, lastTurn: turn++ } : one));
          }
        }
        expect(Math.min(...turns)).toBeGreaterThanOrEqual(rounds);
        expect(Math.max(...turns) - Math.min(...turns)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('begins no more sequences than may be under way', () => {
    const all = [generating(0), request(1, 20, undefined), request(2, 20, undefined), request(3, 20, undefined)];
    expect(planned(all, { sequences: 3 }).map(([id]) => id)).toEqual([0, 1, 2]);
  });

  it('is empty when nobody waits', () => {
    expect(planStep([], roomy)).toEqual({ items: [] });
  });
});

describe('the plan of a step with little room in the key/value cache', () => {
  /** Blocks that the plan makes the sequences take. */
  const taken = (items: { request: Waiting; tokens: number; share?: { tokens: number } }[]) =>
    items.reduce((sum, { request, tokens, share }) => {
      const start = share?.tokens ?? request.read;
      return sum + Math.ceil((start + tokens) / 16) - Math.ceil(start / 16);
    }, 0);

  it('never takes more blocks than are free', () => {
    fc.assert(
      fc.property(requests, budget, fc.nat(12), (all, tokens, freeBlocks) => {
        const { items, pause } = planStep(all, { ...roomy, tokens, freeBlocks });
        // One alone is never given up: the cache holds at least a context.
        const begun = all.filter(({ begun }) => begun);
        if (begun.length > 1 || freeBlocks >= 6) expect(taken(items)).toBeLessThanOrEqual(freeBlocks);
        if (pause) expect(items).toEqual([]);
      }),
    );
  });

  it('always gets on: there is a step, or somebody to pause', () => {
    fc.assert(
      fc.property(requests, budget, fc.nat(12), (all, tokens, freeBlocks) => {
        const { items, pause } = planStep(all, { ...roomy, tokens, freeBlocks });
        // With nobody under way there is room for a whole context.
        if (all.some(({ begun }) => begun) || (all.length > 0 && freeBlocks >= 6))
          expect(items.length > 0 || pause !== undefined).toBe(true);
      }),
    );
  });

  it('lets a request begin when there are blocks for its prompt and room for others to go on, and nobody pass it', () => {
    const all = [generating(0), request(1, 100, undefined), request(2, 10, undefined)];
    // 100 tokens and the first one generated take 7 blocks, the sequence that generates may need one.
    expect(planned(all, { freeBlocks: 7 })).toEqual([[0, 1]]);
    expect(planned(all, { freeBlocks: 8 })).toEqual([
      [0, 1],
      [1, 100],
    ]);
    expect(planned(all, { freeBlocks: 9 }).map(([id]) => id)).toEqual([0, 1, 2]);
  });

  it('pauses the newest sequence when those that generate cannot go on', () => {
    const full = (id: number) => request(id, 33, 32);
    const all = [full(0), full(1), request(2, 100, 48), request(3, 10, undefined)];
    expect(planStep(all, { ...roomy, freeBlocks: 1 })).toMatchObject({ items: [], pause: { id: 2 } });
    expect(planStep(all.slice(0, 2), { ...roomy, freeBlocks: 1 })).toMatchObject({ items: [], pause: { id: 1 } });
  });

  it('pauses one of a lower priority before a newer one of a higher', () => {
    const all = [request(5, 33, 32, { priority: 1 }), request(0, 33, 32), request(1, 33, 32)];
    expect(planStep(all, { ...roomy, freeBlocks: 0 }).pause?.id).toBe(1);
    expect(planStep(all.slice(0, 2), { ...roomy, freeBlocks: 0 }).pause?.id).toBe(0);
  });
});

describe('a sequence that nobody reads from', () => {
  it('does not go on, but keeps its place while nobody wants it', () => {
    expect(planned([generating(0, { stalled: true }), generating(1)])).toEqual([[1, 1]]);
  });

  it('gives its place to one that waits for room', () => {
    const all = [generating(0, { stalled: true }), generating(1), request(2, 100, undefined)];
    expect(planStep(all, { ...roomy, freeBlocks: 3 }).pause?.id).toBe(0);
    expect(planStep(all, { ...roomy, sequences: 2 }).pause?.id).toBe(0);
  });

  it('gives it up before one that is read from, though that is newer', () => {
    const all = [request(0, 33, 32, { stalled: true }), request(1, 33, 32), request(2, 33, 32)];
    expect(planStep(all, { ...roomy, freeBlocks: 1 }).pause?.id).toBe(0);
  });
});

describe('prompts that begin alike', () => {
  const beginning = Int32Array.from({ length: 70 }, (_, i) => i);
  const alike = (id: number, read: number | undefined, more: Partial<Waiting> = {}) =>
    request(id, 0, read, { tokens: Int32Array.of(...beginning, 500 + id, 600 + id), ...more });
  const plan = (all: Waiting[], limits: Partial<StepLimits> = {}) =>
    planStep(all, { ...roomy, ...limits }).items.map(({ request, tokens, share }) => ({
      id: request.id,
      tokens,
      ...(share ? { from: share.from.id, shared: share.tokens } : {}),
    }));

  it('are read once: a later one begins with the blocks of one that has read them', () => {
    expect(plan([alike(0, 71), alike(1, undefined)])).toEqual([
      { id: 0, tokens: 1 },
      { id: 1, tokens: 8, from: 0, shared: 64 },
    ]);
  });

  it('wait for one that is about to read them, but not for one that does not go on', () => {
    const all = [alike(0, undefined), alike(1, undefined), alike(2, undefined)];
    expect(plan(all)).toEqual([{ id: 0, tokens: 72 }]);
    const stalled = plan([alike(0, 16, { stalled: true }), alike(1, undefined)]);
    expect(stalled).toEqual([{ id: 1, tokens: 72 }]);
  });

  it('do not wait for one of a lower priority, which may not have its turn for long', () => {
    const [urgent, slow] = [{ priority: 2 }, { priority: 1 }];
    expect(plan([alike(0, 16, slow), alike(1, undefined, urgent)])).toContainEqual({
      id: 1,
      tokens: 56,
      from: 0,
      shared: 16,
    });
    expect(plan([alike(0, 0, slow), alike(1, undefined, urgent)])).toContainEqual({ id: 1, tokens: 72 });
    expect(plan([alike(0, 16, urgent), alike(1, undefined, slow)]).map(({ id }) => id)).toEqual([0]);
  });

  it('keep their places while they wait: no more are looked at than can begin', () => {
    let compared = 0;
    const waiting = Array.from({ length: 10_000 }, (_, i) =>
      Object.defineProperty(alike(i + 1, undefined), 'mayShare', { get: () => ++compared > 0 }),
    );
    const last = request(20_000, 20, undefined);
    expect(plan([alike(0, 16), ...waiting, last], { sequences: 8 }).map(({ id }) => id)).toEqual([0]);
    expect(compared).toBeLessThanOrEqual(8);
  });

  it('let others pass while they wait', () => {
    expect(plan([alike(0, 16), alike(1, undefined), request(900, 20, undefined)]).map(({ id }) => id)).toEqual([
      0, 900,
    ]);
  });

  it('take fewer blocks', () => {
    // 64 of its 72 tokens are shared, and one more is to be generated: one block; another one for the other to go on.
    expect(plan([alike(0, 71), alike(1, undefined)], { freeBlocks: 2 })).toHaveLength(2);
    expect(plan([alike(0, 71), alike(1, undefined)], { freeBlocks: 1 })).toHaveLength(1);
  });

  it('are read again by a request that wants to know something of each token', () => {
    expect(plan([alike(0, 71), alike(1, undefined, { mayShare: false })])[1]).toEqual({ id: 1, tokens: 72 });
  });
});
