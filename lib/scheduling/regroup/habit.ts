/** Which experts a sequence uses by habit: what its next tokens will probably use, without a predictor. */

import { addExpert } from './expert-sets.js';

/** What a token counts for, beside the one after it. */
const fading = 0.9;
/** Of recent tokens, the share that makes a habit. Anything from .05 to .3 did about as well. */
const leastShare = 0.15;

/**
 * Adds a token to a sequence's habit, [layers][experts] shares of its tokens that used the expert, flat; those before count
 * for a tenth less with every token. It begins with zeros.
 *
 * @param route [layers][k] experts from 0 on, flat, as in a trace; those below 0 are left out
 */
export function addToHabit(
  habit: Float32Array,
  route: ArrayLike<number>,
  { experts, k }: { experts: number; k: number },
): void {
  for (let number = 0; number < habit.length; number++) habit[number] = fading * (habit[number] as number);
  for (let at = 0; at < route.length; at++) {
    const expert = route[at] as number;
    if (expert < 0) continue;
    const number = Math.floor(at / k) * experts + expert;
    habit[number] = (habit[number] as number) + 1 - fading;
  }
}

/** The experts that are a habit, as a set for {@link nextBatch}. */
export function habitSet(
  habit: Float32Array,
  set: Uint32Array = new Uint32Array(Math.ceil(habit.length / 32)),
): Uint32Array {
  set.fill(0);
  for (let number = 0; number < habit.length; number++) {
    if ((habit[number] as number) >= leastShare) addExpert(set, number);
  }
  return set;
}
