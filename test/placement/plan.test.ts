import { describe, expect, it } from 'vitest';
import { placement } from '../../lib/index.js';
import { topicalTrace, traceOf } from './routes.js';

const trace = topicalTrace({ layers: 5, experts: 8, k: 2 }, 4);

/** [gpus] experts on each, of a layer. */
function countsOf(layer: (number | number[])[], gpus: number): number[] {
  const counts = Array<number>(gpus).fill(0);
  for (const gpu of layer.flat()) counts[gpu] = (counts[gpu] as number) + 1;
  return counts;
}

describe('a plan', () => {
  it('has every expert once, equally many per GPU, and is better than all baselines on tokens it was not made from', async () => {
    const plan = await placement.plan(trace, { gpus: 4 });
    expect(plan).toMatchObject({ format: 'moeflow-plan', version: 1, gpus: 4, nodes: 1, layers: 5, experts: 8 });
    expect(plan.metadata).toMatchObject({
      objective: 'crossings',
      affinity: 'path',
      chosen: 'search',
      status: 'settled',
    });
    expect(plan.placement.map((layer) => layer.length)).toEqual([8, 8, 8, 8, 8]);
    for (const layer of plan.placement) expect(countsOf(layer, 4)).toEqual([2, 2, 2, 2]);
    const { evaluation } = plan;
    expect(evaluation).toMatchObject({ on: 'held-out tokens', helps: true, helpsHere: true });
    expect(Object.keys(evaluation.baselines)).toEqual([
      'linear',
      'round-robin',
      'random',
      'balanced',
      'greedy',
      'eplb-global',
    ]);
    for (const baseline of Object.values(evaluation.baselines)) {
      expect(evaluation.plan.path?.share).toBeLessThanOrEqual(baseline.path?.share as number);
    }
    expect(evaluation.plan).toEqual(await placement.evaluate(plan, trace, { holdout: 'even-odd' }));
  });

  it('finds the placement that a trace has hidden in it', async () => {
    // Experts of a topic, and no one strays.
    const clean = topicalTrace({ layers: 6, experts: 8, k: 2 }, 4, { stray: 0 });
    const { evaluation } = await placement.plan(clean, { gpus: 4, nodes: 2 });
    expect(evaluation.plan).toMatchObject({ path: { crossings: 0, tokensThatStay: 1 }, gpusPerTokenLayer: 1 });
  });

  it('follows its objective', async () => {
    const made = async (objective: placement.Objective, options: placement.PlanOptions = {}) =>
      (await placement.plan(trace, { gpus: 4 }, { objective, holdout: 'none', ...options })).evaluation;
    const [crossings, bytes, balance] = [await made('crossings'), await made('bytes'), await made('balance')];
    const fused = await made('fused', { balanceWeight: 0.5, timeLimit: 2 });
    expect(crossings.plan.path?.share).toBeLessThan(balance.plan.path?.share as number);
    expect(bytes.plan.gpusPerTokenLayer).toBeLessThanOrEqual(crossings.plan.gpusPerTokenLayer);
    for (const other of [crossings, bytes, fused])
      expect(balance.plan.load.mean).toBeLessThanOrEqual(other.plan.load.mean);
    expect(fused.plan.load.mean).toBeLessThanOrEqual(crossings.plan.load.mean);
    expect(fused.tradeOff?.map(({ balanceWeight }) => balanceWeight)).toEqual([0, 0.1, 0.3, 0.5, 1, 3]);
    expect(crossings.on).toBe('all tokens');
  });

  it('with copies has as many on each GPU, and never two of one expert', async () => {
    const plan = await placement.plan(trace, { gpus: 4, nodes: 2 }, { replicas: 12 });
    for (const layer of plan.placement) {
      expect(countsOf(layer, 4)).toEqual([3, 3, 3, 3]);
      for (const gpus of layer) expect(new Set([gpus].flat()).size).toBe([gpus].flat().length);
    }
    expect(Object.keys(plan.evaluation.baselines)).toEqual(['linear', 'random', 'eplb-global', 'eplb-hierarchical']);
    const single = await placement.plan(trace, { gpus: 4, nodes: 2 });
    expect(plan.evaluation.plan.path?.share).toBeLessThan(single.evaluation.plan.path?.share as number);
  });

  it('keeps to a capacity in bytes', async () => {
    const sized = { ...trace, expertBytes: [100, 100, 100, 100, 300] };
    const used = (plan: placement.Plan) => {
      const bytes = [0, 0, 0];
      plan.placement.forEach((layer, index) => {
        for (const gpu of layer.flat()) bytes[gpu] = (bytes[gpu] as number) + (sized.expertBytes[index] as number);
      });
      return bytes;
    };
    // 5,600 bytes in all, on three GPUs, for which 8 experts do not divide.
    const plan = await placement.plan(sized, { gpus: 3 }, { capacity: 2100 });
    expect(Math.max(...used(plan))).toBeLessThanOrEqual(2100);
    const roomy = await placement.plan(sized, { gpus: 3 }, { capacity: '6KB' });
    expect(roomy.evaluation.plan.path?.crossings).toBe(0);
    await expect(placement.plan(sized, { gpus: 3 }, { capacity: 1800 })).rejects.toThrow(
      '1800 bytes per GPU are too few',
    );
    await expect(placement.plan(trace, { gpus: 3 }, { capacity: 1800 })).rejects.toThrow('give expertBytes');
    const given = await placement.plan(trace, { gpus: 4 }, { capacity: 1100, expertBytes: 100 });
    expect(countsOf(given.placement.flat(), 4).every((count) => count <= 11)).toBe(true);
  });

  it('that does not help says so, and is the best baseline', async () => {
    const { placement: placed, metadata, evaluation } = await placement.plan(trace, { gpus: 1 });
    expect(metadata.chosen).toBe('linear');
    expect(evaluation).toMatchObject({ helps: false, helpsHere: false, baseline: { name: 'linear' } });
    expect(placed.flat().every((gpu) => gpu === 0)).toBe(true);
  });

  it('counts all pairs where the trace has lost the ranks, and says so', async () => {
    const unranked = topicalTrace({ layers: 5, experts: 8, k: 2, ranked: false }, 4);
    const { metadata, evaluation } = await placement.plan(unranked, { gpus: 4 });
    expect(metadata.affinity).toBe('pairs');
    expect(metadata.notes[0]).toContain('all pairs of experts were counted');
    expect(evaluation.helpsHere).toBe(true);
    await expect(placement.plan(unranked, { gpus: 4 }, { affinity: 'path' })).rejects.toThrow('affinity: path needs');
  });

  it('says what communication comes to, if sizes are given', async () => {
    const { evaluation } = await placement.plan(trace, { gpus: 4 }, { hiddenSize: 64, typeBytes: 2 });
    const { baseline, plan } = evaluation.communication as NonNullable<typeof evaluation.communication>;
    expect(plan.ordinary.alltoalls).toBe(10);
    expect(plan.coherent.bytes).toBeLessThan(baseline.coherent.bytes);
  });

  it('needs options that make sense', async () => {
    const wrong = (cluster: object, options: object, message: string) =>
      expect(placement.plan(trace, cluster as placement.Cluster, options)).rejects.toThrow(message);
    await wrong({}, {}, 'gpus must be an integer from 1');
    await wrong({ gpus: 4, nodes: 3 }, {}, '4 GPUs do not divide by 3 nodes');
    await wrong({ gpus: 3 }, {}, '8 experts per layer do not divide by 3 GPUs; ask for copies of some (replicas: 9)');
    await wrong({ gpus: 4 }, { replicas: 4 }, 'replicas is 4, but a layer has 8 experts');
    await wrong({ gpus: 4 }, { replicas: 40 }, 'no use for more than 32');
    await wrong({ gpus: 4 }, { objectiv: 'bytes' }, 'unknown option objectiv; did you mean objective?');
    await wrong({ gpus: 4 }, { objective: 'speed' }, 'objective must be one of crossings, bytes, balance, fused');
    await wrong({ gpus: 4 }, { holdout: 1.5 }, 'holdout must be "even-odd", "none" or a share between 0 and 1, is 1.5');
    await wrong({ gpus: 4 }, { capacity: 'much' }, 'capacity must be a number of bytes');
    await wrong({ gpus: 4 }, { capacity: 10, expertBytes: [1, 2] }, 'expertBytes is of 2 layers, but the trace has 5');
    const one = traceOf({ layers: 1, experts: 2, k: 1, ranked: true }, [[[[0]]]]);
    await expect(placement.plan(one, { gpus: 2 })).rejects.toThrow('holdout: even-odd leaves no token to test on');
    await expect(placement.plan(traceOf(one, []), { gpus: 2 })).rejects.toThrow('the trace has no tokens');
  });

  it('ends when it is aborted, and tells how far it is', async () => {
    const reason = new Error('enough');
    await expect(placement.plan(trace, { gpus: 4 }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const phases: string[] = [];
    const onProgress = ({ phase, cost }: placement.PlanProgress) => {
      phases.push(phase);
      if (cost !== undefined) controller.abort(reason);
    };
    const large = topicalTrace({ layers: 20, experts: 32, k: 2 }, 4);
    await expect(placement.plan(large, { gpus: 4 }, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(new Set(phases)).toEqual(new Set(['counting', 'solving']));
  });
});
