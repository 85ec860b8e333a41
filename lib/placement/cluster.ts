/** The machines that experts are placed on. */

import { InvalidArgumentError } from '../errors.js';
import { check, checkOptions } from '../options.js';

/** GPUs count from 0, node by node: node n has those from n * gpus / nodes on. */
export interface Cluster {
  gpus: number;
  /** Default 1. */
  nodes?: number;
}

const clusterChecks = { gpus: check.integer(1, 2 ** 15), nodes: check.integer(1, 2 ** 15) };

/** @throws InvalidArgumentError if nodes would not have as many GPUs each */
export function checkCluster(cluster: Cluster): Required<Cluster> {
  checkOptions(cluster, clusterChecks, 'cluster');
  const { gpus, nodes = 1 } = cluster;
  clusterChecks.gpus(gpus, 'gpus');
  if (gpus % nodes !== 0) {
    throw new InvalidArgumentError(
      `${gpus} GPUs do not divide by ${nodes} nodes: each node must have as many GPUs as the others`,
    );
  }
  return { gpus, nodes };
}

/** [gpus] the node of each GPU. */
export function nodesOf({ gpus, nodes }: Required<Cluster>): Int32Array {
  return Int32Array.from({ length: gpus }, (_, gpu) => Math.floor((gpu * nodes) / gpus));
}
