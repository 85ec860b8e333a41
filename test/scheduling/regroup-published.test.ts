/** Groupings of published routes, against counts of an independent script. Runs where the traces are: MOEFLOW_TRACES. */

import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ReplayedSequence, readSequences, setAt } from '../../lib/cache-sim/regroup-sequences.js';
import { openTrace, regroup } from '../../lib/index.js';
import { activatedExperts } from '../../lib/scheduling/regroup/expert-sets.js';
import { clusterByMedoids } from '../../lib/scheduling/regroup/medoids.js';
import { put } from '../../lib/scheduling/regroup/moves.js';
import { activatedAtLeast, leastActivated } from '../../lib/scheduling/regroup/optimum.js';
import { inOrder } from '../../lib/scheduling/regroup/sizes.js';
import { exchange } from '../../lib/scheduling/regroup/swaps.js';
import { RegroupWorkspace } from '../../lib/scheduling/regroup/workspace.js';
import { tracesFolder } from '../support/fixtures.js';

const file = 'AmanPriyanshu__GPT-OSS-MoE-ExpertFingerprinting/gptoss20b_experts.u8';
const words = (24 * 32) / 32;

describe.runIf(!tracesFolder)('groupings of published routes', () => {
  it('are not tested: set MOEFLOW_TRACES to the folder that holds the traces', () => {
    console.warn('MOEFLOW_TRACES is not set: groupings are tested on made-up routes only.');
  });
});

/** Sequences of 300 tokens and more, e[29 j mod 72], in groups of 2 T; tokens 0, 15, ..., 285 of each group. */
function steps(sequences: readonly ReplayedSequence[], batch: number): Uint32Array[][] {
  const long = sequences.filter(({ ids }) => ids.length >= 300);
  expect(long).toHaveLength(72);
  const ordered = long.map((_, j) => long[(29 * j) % 72] as ReplayedSequence);
  const groups = Array.from({ length: Math.floor(72 / (2 * batch)) }, (_, i) =>
    ordered.slice(2 * batch * i, 2 * batch * (i + 1)),
  );
  return groups.flatMap((group) =>
    Array.from({ length: 20 }, (_, i) => group.map(({ used }) => setAt(used, 15 * i, words))),
  );
}

describe.runIf(tracesFolder)('groupings of published routes of gpt-oss-20b', () => {
  let sequences: ReplayedSequence[];
  beforeAll(async () => {
    sequences = await readSequences(await openTrace(join(tracesFolder as string, file)), 'none', undefined);
  });

  const total = (batch: number, cost: (routes: Uint32Array[]) => number) =>
    steps(sequences, batch)
      .map(cost)
      .reduce((a, b) => a + b, 0);

  it.each([
    [4, 101_639, 93_191],
    [8, 66_401, 59_358],
    [16, 42_519, 38_372],
    [32, 24_401, 22_746],
  ])('two batches of %i: %i experts in order, %i about medoids', (batch, ordered, clustered) => {
    const sizes = [batch, batch];
    expect(total(batch, (routes) => activatedExperts(routes, inOrder(sizes), 2))).toBe(ordered);
    const batchOf = new Int32Array(2 * batch);
    const byMedoids = (routes: Uint32Array[]) => {
      clusterByMedoids(routes, sizes, batchOf);
      return activatedExperts(routes, batchOf, 2);
    };
    expect(total(batch, byMedoids)).toBe(clustered);
  });

  it.each([
    [4, 92_034],
    [8, 57_976],
  ])('two batches of %i: %i experts when pairs change places then, the best one first', (batch, exchanged) => {
    const workspace = new RegroupWorkspace();
    const batchOf = new Int32Array(2 * batch);
    const sizes = [batch, batch];
    const cost = (routes: Uint32Array[]) => {
      clusterByMedoids(routes, sizes, batchOf);
      workspace.read(routes, 2);
      workspace.empty(sizes);
      batchOf.forEach((to, sequence) => {
        put(workspace, sequence, to);
      });
      exchange(workspace, 1000);
      return activatedExperts(routes, workspace.batchOf, 2);
    };
    expect(total(batch, cost)).toBe(exchanged);
  });

  it('two batches of 4: 91,975 experts at best, which regrouping comes within .1% of', () => {
    expect(total(4, (routes) => leastActivated(routes, [4, 4]))).toBe(91_975);
    const workspace = new RegroupWorkspace();
    expect(total(4, (routes) => regroup(routes, 4, { workspace }).activated)).toBeLessThan(1.001 * 91_975);
    expect(total(4, (routes) => activatedAtLeast(routes, 4))).toBeLessThanOrEqual(91_975);
  });

  it('two batches of 8: no more than exchanges from medoids come to', () => {
    const workspace = new RegroupWorkspace();
    const ours = total(8, (routes) => regroup(routes, 8, { workspace }).activated);
    expect(ours).toBeLessThanOrEqual(57_976);
    expect(ours).toBeGreaterThanOrEqual(total(8, (routes) => leastActivated(routes, [8, 8])));
  }, 60_000);
});
