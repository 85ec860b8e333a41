import { describe, expect, it } from 'vitest';
import { placement } from '../../lib/index.js';
import { costOf } from '../../lib/placement/cost.js';
import { unflatten } from '../../lib/placement/placement.js';
import { problemOf } from '../../lib/placement/problem.js';
import { shuffle, uniforms } from '../../lib/random.js';
import { header, topicalTrace, traceOf } from './routes.js';

/** Experts 0 and 1 on GPU 0, but in the last layer 0 and 2; four GPUs would be two nodes. */
const placed: placement.Placement = [
  [0, 0, 1, 1],
  [0, 0, 1, 1],
  [0, 1, 0, 1],
];

const tokens = [
  [
    [0, 1],
    [1, 2],
    [3, 2],
  ],
  [
    [2, 3],
    [3, 2],
    [1, 3],
  ],
  [
    [0, 2],
    [-1, -1],
    [2, 3],
  ],
];

describe('an evaluation', () => {
  it('comes to what one counts by hand', async () => {
    const result = await placement.evaluate({ gpus: 2, placement: placed }, traceOf(header, [tokens]));
    // First experts: 0 0 1; 1 1 1; 0 - 0. Two tokens have steps, two each; one of these four crosses.
    expect(result.tokens).toBe(3);
    expect(result.transitions).toBe(4);
    expect(result.path).toMatchObject({ crossings: 1, share: 0.25, nodeCrossings: 0, stays: 0.75 });
    expect(result.path?.perToken).toBeCloseTo(1 / 3);
    expect(result.path?.tokensThatStay).toBeCloseTo(2 / 3);
    // All pairs, a quarter each: 00-01 half, 01-10 half, 11-11 none, 11-11 none.
    expect(result.pairs.share).toBeCloseTo(1 / 4);
    // GPUs per token and layer: 1 2 2, 1 1 1, 2 2.
    expect(result.gpusPerTokenLayer).toBeCloseTo(12 / 8);
    expect(result.nodesPerTokenLayer).toBe(1);
    // Uses per GPU: layer 0 3 3; layer 1 1 3; layer 2 2 4.
    expect(result.load.mean).toBeCloseTo((1 + 1.5 + 4 / 3) / 3);
    expect(result.load).toMatchObject({ worst: 1.5, worstLayer: 1 });
    // On the way in any GPU may have the token: half of the GPUs touched, 1 + 1 + 2 + 2. Then to 1, 1, 0 and 0 others.
    expect(result.coherent.dispatched).toBeCloseTo((3 + 2) / 3);
    // Back from the GPUs that do not have the first expert.
    expect(result.coherent.returned).toBeCloseTo(4 / 3);
  });

  it('tells nodes from GPUs', async () => {
    const four = [
      [0, 1, 2, 3],
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ];
    const result = await placement.evaluate({ gpus: 4, nodes: 2, placement: four }, traceOf(header, [tokens]));
    // First experts on 0 1 3, 2 3 1, 0 - 2: all four steps cross, two of them between nodes.
    expect(result.path).toMatchObject({ crossings: 4, nodeCrossings: 2 });
    expect(result.nodesPerTokenLayer).toBeCloseTo((1 + 2 + 1 + 1 + 1 + 2 + 2 + 1) / 8);
  });

  it('takes the copy that is near, and spreads tokens over those that are far', async () => {
    const head = { layers: 2, experts: 3, k: 1, ranked: true };
    // Expert 0 of the last layer is on GPUs 0, 1 and 3; the first layer's experts are on GPUs 0, 1 and 2.
    const copies: placement.Placement = [
      [0, 1, 2],
      [[0, 1, 3], 2, 2],
    ];
    const of = (expert: number, count: number) => Array.from({ length: count }, () => [[expert], [0]]);
    const crossings = async (expert: number, nodes: number) => {
      const trace = traceOf(head, [of(expert, 6)]);
      return (await placement.evaluate({ gpus: 4, nodes, placement: copies }, trace)).path;
    };
    expect(await crossings(0, 1)).toMatchObject({ crossings: 0 });
    expect(await crossings(1, 1)).toMatchObject({ crossings: 0 });
    // From GPU 2 to GPU 3, which is in its node.
    expect(await crossings(2, 2)).toMatchObject({ crossings: 6, nodeCrossings: 0 });
    const spread = await placement.evaluate({ gpus: 4, placement: copies }, traceOf(head, [of(2, 6)]));
    // Two each on GPUs 0, 1 and 3: 2 of a mean of 1.5. All six of the first layer are on GPU 2: 4 times the mean.
    expect(spread.load).toMatchObject({ worst: 4, mean: (4 + 2 / 1.5) / 2 });
  });

  it('agrees with what solvers minimise, for any placement', async () => {
    const trace = topicalTrace({ layers: 4, experts: 8, k: 2 }, 4);
    const { train } = await placement.countRoutes(trace, 'none');
    const random = uniforms(3);
    for (let round = 0; round < 20; round++) {
      const assignment = Int32Array.from({ length: 32 }, (_, at) => at % 4);
      for (let layer = 0; layer < 4; layer++) shuffle(assignment.subarray(8 * layer, 8 * layer + 8), random);
      const result = await placement.evaluate({ gpus: 4, nodes: 2, placement: unflatten(assignment, 4) }, trace);
      const cost = (goals: object) => {
        const all = { crossings: 0, affinity: 'path', together: 0, balance: 0, ...goals } as const;
        const cluster = { gpus: 4, nodes: Int32Array.of(0, 0, 1, 1) };
        const problem = problemOf(train, cluster, all, { replicas: 8, room: { perLayer: 2 }, nodeCost: 5 });
        return costOf(problem, assignment);
      };
      const { path, pairs, load, gpusPerTokenLayer, nodesPerTokenLayer } = result;
      expect(cost({ crossings: 1 })).toBeCloseTo((path?.share ?? 0) + 4 * (path?.nodeShare ?? 0));
      expect(cost({ crossings: 1, affinity: 'pairs' })).toBeCloseTo(pairs.share + 4 * pairs.nodeShare);
      expect(cost({ balance: 1 })).toBeCloseTo(load.mean - 1);
      // With two experts per token there is one pair: apart, or not.
      expect(cost({ together: 1 })).toBeCloseTo(gpusPerTokenLayer - 1 + 4 * (nodesPerTokenLayer - 1));
    }
  });

  it('leaves out what only a trace with ranks can tell', async () => {
    const trace = topicalTrace({ layers: 3, experts: 4, k: 2, ranked: false }, 2);
    const result = await placement.evaluate({ gpus: 2, placement: placed }, trace);
    expect(result.path).toBeUndefined();
    expect(result.pairs.share).toBeGreaterThan(0);
  });

  it('is of the tokens asked for', async () => {
    const trace = topicalTrace({ layers: 3, experts: 4, k: 2 }, 2, { sequences: 5, tokens: 10 });
    const plan = { gpus: 2, placement: placed };
    expect((await placement.evaluate(plan, trace)).tokens).toBe(50);
    expect((await placement.evaluate(plan, trace, { holdout: 'even-odd' })).tokens).toBe(20);
  });

  it('needs a placement that is sound, and of the trace', async () => {
    const trace = topicalTrace({ layers: 3, experts: 4, k: 2 }, 2);
    const wrong = (plan: object, message: string) =>
      expect(placement.evaluate(plan as placement.Plan, trace)).rejects.toThrow(message);
    await wrong(
      { gpus: 2, placement: placed.slice(1) },
      'the placement is of 2 layers of 4 experts, but the trace has 3',
    );
    await wrong({ gpus: 1, placement: placed }, 'plan: placement[0][2] is GPU 1, but there are 1');
    await wrong({ gpus: 2, placement: [[0], [0, 1]] }, 'plan: placement[1] has 2 experts, but placement[0] has 1');
    await wrong({ gpus: 2, placement: [[0, []]] }, 'plan: placement[0][1] must be a GPU, or an array of GPUs');
    await wrong({ gpus: 3, nodes: 2, placement: placed }, '3 GPUs do not divide by 2 nodes');
    await expect(placement.evaluate({ gpus: 2, placement: placed }, trace, { holdout: 2 })).rejects.toThrow(
      'holdout must',
    );
  });
});

describe('communication', () => {
  const base = {
    tokens: 1,
    transitions: 1,
    pairs: {},
    load: {},
    nodesPerTokenLayer: 1,
  } as unknown as placement.Evaluation;
  const sizes = { hiddenSize: 100, typeBytes: 2, tokensPerGpu: 10 };

  it('of one expert per token is as in the paper: 2 G N L p and G N (L p* + G) states', () => {
    // 8 GPUs, 24 layers, each step crosses with the chance of 7 in 8.
    const coherent = { dispatched: 24 * 0.875, returned: 0, nodeDispatched: 12, nodeReturned: 0 };
    const result = placement.communicationOf(
      { ...base, gpusPerTokenLayer: 1, coherent },
      { gpus: 8, nodes: 2 },
      { layers: 24, k: 1 },
      sizes,
    );
    expect(result.ordinary).toEqual({
      alltoalls: 48,
      allgathers: 0,
      bytes: 2 * 80 * 24 * 0.875 * 200,
      nodeBytes: 80 * 24 * 200,
    });
    expect(result.coherent).toEqual({
      alltoalls: 24,
      allgathers: 1,
      bytes: 80 * (24 * 0.875 + 8) * 200,
      nodeBytes: 80 * (12 + 4) * 200,
    });
  });

  it('of several takes their results back, too', () => {
    const coherent = { dispatched: 30, returned: 20, nodeDispatched: 0, nodeReturned: 0 };
    const result = placement.communicationOf(
      { ...base, gpusPerTokenLayer: 3, coherent },
      { gpus: 4, nodes: 1 },
      { layers: 12, k: 4 },
      { hiddenSize: 10, typeBytes: 1 },
    );
    expect(result.ordinary).toMatchObject({ alltoalls: 24, bytes: 2 * 3 * 12 * 0.75 * 40, nodeBytes: 0 });
    expect(result.coherent).toMatchObject({ alltoalls: 24, allgathers: 1, bytes: (30 + 20 + 4) * 40, nodeBytes: 0 });
  });
});
