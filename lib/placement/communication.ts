/** Exchanges between GPUs per iteration, of ordinary expert parallelism and of ExFlow's. */

import type { Evaluation } from './evaluation.js';

export interface CommunicationOptions {
  /** Numbers in a token's state. */
  hiddenSize: number;
  /** Bytes of each of them, 2 for float16. */
  typeBytes: number;
  /** Tokens of an iteration on each GPU. Default 1. */
  tokensPerGpu?: number;
}

/** Of one iteration over all GPUs. */
export interface Exchange {
  alltoalls: number;
  allgathers: number;
  bytes: number;
  /** Of these, to another node. */
  nodeBytes: number;
}

export interface Communication {
  /** A token's state goes to the GPUs of its experts and comes back, in every layer: two Alltoall. */
  ordinary: Exchange;
  /**
   * Context-coherent (arXiv 2401.08383, section 3): every GPU has the context of all sequences, a token goes on where it
   * landed, and the new tokens are gathered after each iteration. One Alltoall per layer; with more than one expert per token
   * a second one takes the other GPUs' results to that of the first expert.
   */
  coherent: Exchange;
}

/**
 * States sent, as in the paper: ordinary 2 x sum over layers of the GPUs that are not the token's own, which is any of them with
 * equal chance; coherent the same from GPU to GPU, and G for gathering. A state that goes to several GPUs of a node counts for
 * each of them.
 */
export function communicationOf(
  evaluation: Evaluation,
  cluster: { gpus: number; nodes: number },
  { layers, k }: { layers: number; k: number },
  { hiddenSize, typeBytes, tokensPerGpu = 1 }: CommunicationOptions,
): Communication {
  const { gpus, nodes } = cluster;
  const bytesPerSend = hiddenSize * typeBytes * tokensPerGpu * gpus;
  const touched = evaluation.gpusPerTokenLayer * layers;
  const { dispatched, returned, nodeDispatched, nodeReturned } = evaluation.coherent;
  return {
    ordinary: {
      alltoalls: 2 * layers,
      allgathers: 0,
      bytes: 2 * touched * (1 - 1 / gpus) * bytesPerSend,
      nodeBytes: 2 * touched * (1 - 1 / nodes) * bytesPerSend,
    },
    coherent: {
      alltoalls: k === 1 ? layers : 2 * layers,
      allgathers: 1,
      bytes: (dispatched + returned + gpus) * bytesPerSend,
      nodeBytes: (nodeDispatched + nodeReturned + (gpus * (nodes - 1)) / nodes) * bytesPerSend,
    },
  };
}
