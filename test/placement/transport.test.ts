import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transport } from '../../lib/placement/solvers/transport.js';

interface Instance {
  gpus: number;
  copies: number[];
  gains: Float64Array;
  room: Int32Array;
}

/** Up to 7 copies of experts, room for all of them. */
const instances = fc
  .record({
    gpus: fc.integer({ min: 1, max: 4 }),
    counts: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 4 }),
    slack: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }),
    gains: fc.array(fc.integer({ min: -5, max: 9 }), { minLength: 32, maxLength: 32 }),
  })
  .map(({ gpus, counts, slack, gains }): Instance => {
    const copies = counts.flatMap((count, expert) => Array<number>(Math.min(count, gpus)).fill(expert));
    const room = Int32Array.from(
      { length: gpus },
      (_, gpu) => Math.ceil(copies.length / gpus) + (slack[gpu] as number),
    );
    return {
      gpus,
      copies,
      // Copies of an expert gain the same.
      gains: Float64Array.from(
        { length: copies.length * gpus },
        (_, at) => gains[(copies[Math.floor(at / gpus)] as number) * gpus + (at % gpus)] as number,
      ),
      room,
    };
  });

function gainOf({ gpus, gains }: Instance, assignment: ArrayLike<number>): number {
  return Array.from(assignment).reduce((sum, gpu, copy) => sum + (gains[copy * gpus + gpu] as number), 0);
}

function isAllowed({ gpus, copies, room }: Instance, assignment: ArrayLike<number>): boolean {
  const places = Array.from(assignment);
  const pairs = new Set(places.map((gpu, copy) => (copies[copy] as number) * gpus + gpu));
  return pairs.size === places.length && room.every((most, gpu) => places.filter((at) => at === gpu).length <= most);
}

function best(instance: Instance): number {
  const { gpus, copies } = instance;
  let highest = -Infinity;
  for (let code = 0; code < gpus ** copies.length; code++) {
    const assignment = copies.map((_, copy) => Math.floor(code / gpus ** copy) % gpus);
    if (isAllowed(instance, assignment)) highest = Math.max(highest, gainOf(instance, assignment));
  }
  return highest;
}

describe('copies to GPUs', () => {
  it('come out as by trying everything', () => {
    fc.assert(
      fc.property(instances, (instance) => {
        const result = new Int32Array(instance.copies.length);
        transport({ ...instance, expertOf: Int32Array.from(instance.copies) }, result);
        expect(isAllowed(instance, result)).toBe(true);
        expect(gainOf(instance, result)).toBe(best(instance));
      }),
      { numRuns: 300 },
    );
  });

  it('are refused where there is no room', () => {
    const expertOf = Int32Array.of(0, 1, 2);
    const room = Int32Array.of(1, 1);
    expect(() => transport({ gpus: 2, expertOf, gains: new Float64Array(6), room }, new Int32Array(3))).toThrow('room');
  });
});
