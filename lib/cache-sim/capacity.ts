/** How much a cache holds: places for experts, or bytes that become places. */

import { InvalidArgumentError } from '../errors.js';
import type { TraceHeader } from '../trace/trace.js';

/** Whether all layers share the places, or each has its own. */
export const scopes = ['global', 'layer'] as const;
export type Scope = (typeof scopes)[number];

export interface Capacity {
  /** Places in all, or of each layer, by the scope. */
  slots: number;
  /** Of all experts, the share that has a place. */
  share: number;
  /** The bytes that became these places, where bytes were asked for. */
  capacityBytes?: number;
  /** Places of each class, and the class of each layer. */
  classes: { slots: Int32Array; slotClasses: Int32Array };
}

/**
 * @throws InvalidArgumentError if a token's experts do not fit, or there are more places than experts
 */
export function capacityOfSlots({ layers, experts, k }: TraceHeader, slots: number, scope: Scope): Capacity {
  const most = scope === 'layer' ? experts : layers * experts;
  if (slots < k || slots > most) {
    const what = scope === 'layer' ? 'a layer of the trace has' : 'the trace has';
    throw new InvalidArgumentError(
      `slots: ${slots} must be from ${k}, which a token uses in a layer, to ${most}, which ${what} (scope: ${scope})`,
    );
  }
  const classes =
    scope === 'layer'
      ? { slots: new Int32Array(layers).fill(slots), slotClasses: Int32Array.from({ length: layers }, (_, i) => i) }
      : { slots: Int32Array.of(slots), slotClasses: new Int32Array(layers) };
  return { slots, share: slots / most, classes };
}

/**
 * Bytes are divided as the engine does it: among the sizes of experts by their shares of the model; layers with experts of
 * one size share places, if the scope lets them.
 *
 * @param expertBytes [layers]
 * @throws InvalidArgumentError naming the fewest bytes that work
 */
export function capacityOfBytes(
  { layers, experts, k }: TraceHeader,
  bytes: number,
  scope: Scope,
  expertBytes: readonly number[],
): Capacity {
  const sizes = [...new Set(expertBytes)];
  const slotClasses = Int32Array.from(expertBytes, (size, layer) => (scope === 'layer' ? layer : sizes.indexOf(size)));
  const expertsOfClass = new Array<number>(scope === 'layer' ? layers : sizes.length).fill(0);
  for (const c of slotClasses) expertsOfClass[c] = (expertsOfClass[c] ?? 0) + experts;
  const all = BigInt(experts) * expertBytes.reduce((sum, size) => sum + BigInt(size), 0n);
  const used = BigInt(bytes) < all ? BigInt(bytes) : all;
  const slots = Int32Array.from(expertsOfClass, (count) => Number((used * BigInt(count)) / all));
  if (slots.some((count) => count < k)) {
    const smallest = BigInt(Math.min(...expertsOfClass));
    const fewest = (BigInt(k) * all + smallest - 1n) / smallest;
    throw new InvalidArgumentError(
      `bytes: ${bytes} hold fewer than the ${k} experts of a layer that a token uses; at least ${fewest} are needed (scope: ${scope})`,
    );
  }
  const total = slots.reduce((sum, count) => sum + count, 0);
  return {
    // Each layer has the same number of experts, so each gets the same number of places.
    slots: scope === 'layer' ? (slots[0] as number) : total,
    share: total / (layers * experts),
    capacityBytes: bytes,
    classes: { slots, slotClasses },
  };
}
