/** Names of TensorFlow.js back ends; apart, so that who only names them needs no types of TensorFlow.js. */

/** The fastest first. */
export const backends = ['tfjs-node-gpu', 'tfjs-node', 'wasm', 'cpu'] as const;
export type Backend = (typeof backends)[number];
