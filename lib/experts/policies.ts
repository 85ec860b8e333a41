/** The rules by which experts leave memory, as native code knows them (native/experts/policy). */

/** In the order in which they are listed to users. */
export const policies = ['plec', 'lfu', 'lru', 'lfru', 'least-stale', 's3-fifo', 'static'] as const;

/**
 * Which expert leaves when another one needs its place:
 * - `plec`: whose next use is farthest away, by what is predicted, else by how often and how lately it was used;
 * - `lfu`: used least often, where a use counts half as much after a dozen tokens;
 * - `lru`: unused for the longest time;
 * - `lfru`: with the smallest number of uses, divided by the time since the last one;
 * - `least-stale`: whose layer has run most often without it since;
 * - `s3-fifo`: three queues, in which experts used only once pass through quickly;
 * - `static`: not in a given list of hot experts.
 */
export type Policy = (typeof policies)[number];
