/**
 * What was computed, step by step, so that gradients can be taken back through it: core and a back end alone do not know
 * those of their operations.
 */

import type { Tensor } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../backend.js';

/** A tensor, and on the way back the loss's gradient with respect to it. */
export interface Node<T extends Tensor = Tensor> {
  readonly value: T;
  slope?: Tensor;
}

/** From the gradient with respect to a step's output to those with respect to its inputs. */
export type Back = (slope: Tensor) => Tensor[];

/** To be used inside a `tidy`, to which all tensors belong. */
export class Tape {
  readonly tf: TensorFlow;
  readonly #returns: boolean;
  readonly #steps: { inputs: readonly Node[]; output: Node; back: Back }[] = [];

  /** @param returns whether `back` will be asked for; otherwise steps leave nothing but their outputs */
  constructor(tf: TensorFlow, returns: boolean) {
    this.tf = tf;
    this.#returns = returns;
  }

  step<T extends Tensor>(inputs: readonly Node[], run: () => { value: T; back: Back }): Node<T> {
    if (!this.#returns) return { value: this.tf.tidy(() => run().value) };
    const { value, back } = run();
    const output: Node<T> = { value };
    this.#steps.push({ inputs, output, back });
    return output;
  }

  /** Gives slopes to all that `last` was computed from; those of outputs on the way are disposed of. */
  back(last: Node, slope: Tensor): void {
    const { tf } = this;
    last.slope = slope;
    for (const { inputs, output, back } of this.#steps.reverse()) {
      const reached = output.slope;
      if (!reached) continue;
      const parts = tf.tidy(() => back(reached).map((part) => (part === reached ? tf.clone(part) : part)));
      inputs.forEach((input, i) => {
        const part = parts[i] as Tensor;
        const before = input.slope;
        input.slope = before ? tf.add(before, part) : part;
        if (before) tf.dispose([before, part]);
      });
      reached.dispose();
    }
  }
}
