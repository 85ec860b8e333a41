import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RegroupMethod, RegroupWorkspace, regroup, routeSet } from '../../lib/index.js';
import { clusterByMedoids } from '../../lib/scheduling/regroup/medoids.js';
import { activatedAtLeast, leastActivated } from '../../lib/scheduling/regroup/optimum.js';
import { evenSizes } from '../../lib/scheduling/regroup/sizes.js';
import { costOf, groupsOf, leastByTrying, membersOf, routesOfSubjects, setsOf, someRoutes } from './regroup-support.js';

const methods = ['exchange', 'medoids'] as const satisfies RegroupMethod[];
const batchSize = fc.integer({ min: 1, max: 5 });

describe('a set of experts', () => {
  it('has a bit for each expert of each layer, layer by layer', () => {
    const set = routeSet([0, 3, 1, 2, -1, -1], { layers: 3, experts: 20, k: 2 });
    expect(set).toEqual(Uint32Array.of((1 << 0) | (1 << 3) | (1 << 21) | (1 << 22), 0));
    expect(membersOf(routeSet([19, 18, 17, 16], { layers: 2, experts: 20, k: 2 }))).toEqual([18, 19, 36, 37]);
  });
});

describe.each(methods)('regrouping by %s', (method) => {
  it("divides the tokens of ExpertFlow's figure 3 into batches of two experts each", () => {
    // Four experts; in order both batches of four tokens activate all four.
    const routes = setsOf(4, [0, 1], [2, 3], [0, 1], [2, 3], [0, 1], [2, 3], [2, 3], [0, 1]);
    const { batchOf, batches, activated, activatedInOrder } = regroup(routes, 4, { method });
    expect([batches, activatedInOrder, activated]).toEqual([2, 8, 4]);
    expect(groupsOf(batchOf)).toEqual(
      expect.arrayContaining([
        [0, 2, 4, 7],
        [1, 3, 5, 6],
      ]),
    );
  });

  it('gives as few batches as there can be, as even as they can be, and says what they activate', () => {
    fc.assert(
      fc.property(someRoutes, batchSize, (routes, most) => {
        const { batchOf, batches, activated, activatedInOrder } = regroup(routes, most, { method });
        const groups = groupsOf(batchOf);
        expect(groups.flat().sort((a, b) => a - b)).toEqual(routes.map((_, i) => i));
        expect(groups).toHaveLength(Math.ceil(routes.length / most));
        expect(batches).toBe(groups.length);
        const sizes = groups.map(({ length }) => length);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(most);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(activated).toBe(costOf(routes, groups));
        expect(activated).toBeLessThanOrEqual(activatedInOrder);
      }),
    );
  });

  it('gives the same answer for the same routes, whatever the workspace was used for', () => {
    const workspace = new RegroupWorkspace();
    fc.assert(
      fc.property(someRoutes, batchSize, (routes, most) => {
        expect(regroup(routes, most, { method, workspace })).toEqual(regroup(routes, most, { method }));
      }),
    );
  });

  it('takes no account of experts that cost nothing', () => {
    fc.assert(
      fc.property(someRoutes, batchSize, fc.integer({ min: 0, max: 2 ** 32 - 1 }), (routes, most, bits) => {
        const free = new Uint32Array(routes[0]?.length ?? 0).fill(bits);
        const rest = routes.map((route) => route.map((word, at) => word & ~(free[at] as number)));
        expect(regroup(routes, most, { method, free })).toEqual(regroup(rest, most, { method }));
      }),
    );
  });

  it('leaves in order what cannot be better', () => {
    const alike = setsOf(8, [1, 2], [1, 2], [1, 2], [1, 2], [1, 2]);
    expect([...regroup(alike, 2, { method }).batchOf]).toEqual([0, 0, 1, 1, 2]);
    expect(regroup([], 2, { method })).toMatchObject({ batches: 0, activated: 0 });
    expect([...regroup(setsOf(8, [1], [2]), 2, { method }).batchOf]).toEqual([0, 0]);
  });

  it('finds subjects that come in turn', () => {
    const shape = { layers: 6, experts: 32, k: 4 };
    const routes = routesOfSubjects(shape, 32, 4, 5);
    const { activated, activatedInOrder, batchOf } = regroup(routes, 8, { method });
    expect(activated).toBeLessThan(0.75 * activatedInOrder);
    if (method === 'exchange') {
      for (const group of groupsOf(batchOf)) expect(new Set(group.map((sequence) => sequence % 4)).size).toBe(1);
    }
  });
});

describe('regrouping', () => {
  it('by exchanges is as good as it gets for a few sequences, or nearly so', () => {
    let [cost, least, equal, runs] = [0, 0, 0, 0];
    const shape = { layers: 4, experts: 16, k: 2 };
    for (let seed = 0; seed < 40; seed++) {
      const routes = routesOfSubjects(shape, 8, 3, seed);
      const sizes = seed % 2 ? [4, 4] : [3, 3, 2];
      const best = leastByTrying(routes, sizes);
      const { activated } = regroup(routes, seed % 2 ? 4 : 3);
      expect(activated).toBeGreaterThanOrEqual(best);
      cost += activated;
      least += best;
      runs++;
      if (activated === best) equal++;
    }
    expect(cost / least).toBeLessThan(1.01);
    expect(equal).toBeGreaterThan(0.7 * runs);
  });

  it('by exchanges is better than by medoids', () => {
    let [ours, theirs] = [0, 0];
    for (let seed = 0; seed < 10; seed++) {
      const routes = routesOfSubjects({ layers: 12, experts: 64, k: 6 }, 32, 3, seed);
      ours += regroup(routes, 8).activated;
      theirs += regroup(routes, 8, { method: 'medoids' }).activated;
    }
    expect(ours).toBeLessThan(theirs);
  });

  it.each([
    [
      () => regroup({} as Uint32Array[], 2),
      'routes must be an array of Uint32Arrays, a set of experts for each sequence',
    ],
    [() => regroup([[1]] as never, 2), 'routes[0] must be a Uint32Array, a bit for each expert of each layer'],
    [
      () => regroup([new Uint32Array(2), new Uint32Array(3)], 2),
      'routes[1] has 3 words and routes[0] has 2; sets of one model have the same number',
    ],
    [() => regroup([], 0), 'batchSize must be an integer from 1 to 65536, is 0'],
    [() => regroup([], 2, { method: 'best' as never }), 'method must be one of exchange, medoids, is "best"'],
    [() => regroup([], 2, { metod: 'exchange' } as never), 'unknown option metod; did you mean method?'],
    [
      () => regroup([new Uint32Array(2)], 2, { free: new Uint32Array(1) }),
      'free has 1 words and routes[0] has 2; sets of one model have the same number',
    ],
    [() => regroup([], 2, { free: [1] as never }), 'free must be a Uint32Array'],
    [() => regroup([], 2, { workspace: {} as never }), 'workspace must be a RegroupWorkspace'],
  ])('refuses what is wrong: %#', (call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(call).toThrow(message);
  });
});

describe('clusters about medoids', () => {
  it('are balanced halves by the difference of distances, about the members most like all', () => {
    // Distances from 0: 1 shares two experts with it, 2 and 3 none. 0 and 2 are the first pair with nothing in common.
    const routes = setsOf(8, [0, 1, 2], [0, 1, 3], [4, 5, 6], [0, 5, 6]);
    const batchOf = new Int32Array(4);
    clusterByMedoids(routes, [2, 2], batchOf);
    expect([...batchOf]).toEqual([0, 0, 1, 1]);
  });

  it('have the sizes that are asked for, whatever is alike', () => {
    fc.assert(
      fc.property(someRoutes, batchSize, (routes, most) => {
        const sizes = evenSizes(routes.length, most);
        const batchOf = new Int32Array(routes.length);
        clusterByMedoids(routes, sizes, batchOf);
        expect(groupsOf(batchOf).map(({ length }) => length)).toEqual(sizes);
      }),
    );
  });
});

describe('what groupings activate at least', () => {
  it('is found by trying all', () => {
    fc.assert(
      fc.property(
        someRoutes.filter(({ length }) => length <= 7),
        batchSize,
        (routes, most) => {
          const sizes = evenSizes(routes.length, most);
          const least = leastActivated(routes, sizes);
          expect(least).toBe(leastByTrying(routes, sizes));
          expect(activatedAtLeast(routes, most)).toBeLessThanOrEqual(least);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is refused for more sequences than can be tried', () => {
    const routes = Array.from({ length: 17 }, () => new Uint32Array(1));
    expect(() => leastActivated(routes, [9, 8])).toThrow(
      '17 sequences are too many to try all groupings; 16 are the most',
    );
  });

  it('is bounded by how many use an expert', () => {
    // Five use expert 0: three batches of two. One each uses the others.
    const routes = setsOf(8, [0, 1], [0, 2], [0, 3], [0, 4], [0, 5]);
    expect(activatedAtLeast(routes, 2)).toBe(3 + 5);
  });
});
