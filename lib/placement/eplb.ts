/**
 * Experts and copies of them, spread evenly: EPLB (github.com/deepseek-ai/EPLB). Loads that are equal go in the order of their
 * numbers.
 */

import { InvalidArgumentError } from '../errors.js';

export interface EplbOptions {
  /** Places per layer; an expert has one at least. */
  replicas: number;
  /** Groups of experts that follow each other and stay in one node. Default 1. */
  groups?: number;
  nodes?: number;
  gpus: number;
}

/**
 * [layer][slot] the expert in each place; slots of a GPU follow each other. Hierarchical if nodes divide groups: groups are
 * packed onto nodes, experts get copies within their node, and the copies are packed onto its GPUs. Global otherwise.
 *
 * @param load [layer][expert] tokens
 * @throws InvalidArgumentError if the numbers do not divide
 */
export function rebalanceExperts(load: readonly (readonly number[])[], options: EplbOptions): number[][] {
  const experts = load[0]?.length ?? 0;
  const { replicas, gpus } = options;
  const hierarchical = (options.groups ?? 1) % (options.nodes ?? 1) === 0;
  const groups = hierarchical ? (options.groups ?? 1) : 1;
  const nodes = hierarchical ? (options.nodes ?? 1) : 1;
  if (replicas < experts) throw new InvalidArgumentError(`replicas is ${replicas}, but a layer has ${experts} experts`);
  mustDivide('replicas', replicas, 'GPUs', gpus);
  mustDivide('experts', experts, 'groups', groups);
  mustDivide('GPUs', gpus, 'nodes', nodes);
  return load.map((layer) => rebalanceLayer(layer, replicas, groups, nodes, gpus));
}

function mustDivide(what: string, count: number, parts: string, partCount: number): void {
  if (count % partCount !== 0)
    throw new InvalidArgumentError(`${count} ${what} do not divide by ${partCount} ${parts}`);
}

function rebalanceLayer(load: readonly number[], replicas: number, groups: number, nodes: number, gpus: number) {
  const groupSize = load.length / groups;
  const groupLoad = Array.from({ length: groups }, (_, group) =>
    load.slice(group * groupSize, (group + 1) * groupSize).reduce((sum, value) => sum + value, 0),
  );
  return balancedPacking(groupLoad, nodes).flatMap((nodeGroups) => {
    const experts = nodeGroups.flatMap((group) => Array.from({ length: groupSize }, (_, i) => group * groupSize + i));
    const nodeLoad = experts.map((expert) => load[expert] as number);
    const { copyOf, copies } = replicate(nodeLoad, replicas / nodes);
    const copyLoad = copyOf.map((expert) => (nodeLoad[expert] as number) / (copies[expert] as number));
    return balancedPacking(copyLoad, gpus / nodes).flatMap((pack) =>
      pack.map((copy) => experts[copyOf[copy] as number] as number),
    );
  });
}

/** Items by falling weight, each to the lightest of `packs` that has room; equally many to each. */
export function balancedPacking(weights: readonly number[], packs: number): number[][] {
  const room = weights.length / packs;
  if (room === 1) return weights.map((_, item) => [item]);
  const order = weights.map((_, item) => item).sort((a, b) => (weights[b] as number) - (weights[a] as number));
  const packed: number[][] = Array.from({ length: packs }, () => []);
  const sums = new Float64Array(packs);
  for (const item of order) {
    let lightest = -1;
    for (let pack = 0; pack < packs; pack++) {
      if ((packed[pack] as number[]).length === room) continue;
      if (lightest < 0 || (sums[pack] as number) < (sums[lightest] as number)) lightest = pack;
    }
    (packed[lightest] as number[]).push(item);
    sums[lightest] = (sums[lightest] as number) + (weights[item] as number);
  }
  return packed;
}

/**
 * One copy of each, then one more of whoever has the most load per copy, and room for one (`most` copies each).
 */
export function replicate(
  load: readonly number[],
  replicas: number,
  most = Number.POSITIVE_INFINITY,
): { copyOf: number[]; copies: number[] } {
  const copyOf = load.map((_, expert) => expert);
  const copies = load.map(() => 1);
  while (copyOf.length < replicas) {
    let busiest = -1;
    let highest = Number.NEGATIVE_INFINITY;
    load.forEach((value, expert) => {
      const share = value / (copies[expert] as number);
      if ((copies[expert] as number) < most && share > highest) [busiest, highest] = [expert, share];
    });
    if (busiest < 0) break;
    copyOf.push(busiest);
    copies[busiest] = (copies[busiest] as number) + 1;
  }
  return { copyOf, copies };
}
