/** What a placement comes to on the tokens of a trace. */

/** Crossings between GPUs, and those of them that also go to another node. */
export interface Crossings {
  /** Of all steps from a layer to the next. */
  share: number;
  nodeShare: number;
  perToken: number;
  nodePerToken: number;
}

export interface Evaluation {
  tokens: number;
  /** Steps from a layer to the next, both recorded. */
  transitions: number;
  /** Of each token's first expert at each layer, as ExFlow counts; absent if the trace does not say which is the first. */
  path?: Crossings & {
    /** Steps that cross, as integers: what `share` is made of. */
    crossings: number;
    nodeCrossings: number;
    /** Share of steps that stay on their GPU. */
    stays: number;
    /** Share of tokens that never leave a GPU. */
    tokensThatStay: number;
  };
  /** Of all k x k pairs of experts, weighted by both gate weights. */
  pairs: Crossings;
  /** Different GPUs that a token's experts at one layer are on; mean over tokens and layers. */
  gpusPerTokenLayer: number;
  nodesPerTokenLayer: number;
  /** Uses of experts per GPU: the most of all GPUs over their mean, of each layer. */
  load: { mean: number; worst: number; worstLayer: number };
  /**
   * Copies of a token's state per token when it goes on from GPU to GPU (ExFlow's context-coherent parallelism): to the GPUs
   * of the next layer's experts, and their results from there to the GPU of the first of them. `node`: to other nodes.
   */
  coherent: { dispatched: number; returned: number; nodeDispatched: number; nodeReturned: number };
}
