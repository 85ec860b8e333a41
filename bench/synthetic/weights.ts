import { quantize } from '../../models/gguf/quantize.js';
import { type TensorType, tensorTypes } from '../../models/gguf/tensor-types.js';
import { normals, seedOf } from './random.js';

/**
 * One block short of a power of two: read round and round, the pool then falls out of step with rows and experts, and no two
 * rows of a matrix are the same.
 */
const poolValues = 2 ** 22;

/**
 * Random weight matrices as cheap as copying: one pool of quantised normal values per size of weights, read from another place for
 * each tensor. The seed decides every byte.
 */
export class WeightPool {
  private readonly pools = new Map<string, Uint8Array>();

  constructor(private readonly seed: number) {}

  /**
   * The bytes of `rows` rows, in pieces of at most a pool's size.
   *
   * @param deviation standard deviation of the weights; unless given, 1/sqrt(row length), with which a product has the size of
   * its input
   */
  *matrix(
    name: string,
    type: TensorType,
    rowLength: number,
    rows: number,
    deviation = 1 / Math.sqrt(rowLength),
  ): Generator<Uint8Array> {
    const { blockValues, blockBytes } = tensorTypes[type];
    const pool = this.pool(type, deviation);
    let position = (seedOf(name, this.seed) * blockBytes) % pool.length;
    for (let left = (rows * rowLength * blockBytes) / blockValues; left > 0; ) {
      const taken = Math.min(left, pool.length - position);
      yield pool.subarray(position, position + taken);
      left -= taken;
      position = 0;
    }
  }

  private pool(type: TensorType, deviation: number): Uint8Array {
    const key = `${type} ${deviation}`;
    const made = this.pools.get(key) ?? makePool(type, deviation, this.seed);
    this.pools.set(key, made);
    return made;
  }
}

function makePool(type: TensorType, deviation: number, seed: number): Uint8Array {
  const next = normals(seedOf(`pool ${deviation}`, seed));
  const values = new Float32Array(poolValues - tensorTypes[type].blockValues);
  for (let index = 0; index < values.length; index++) values[index] = next() * deviation;
  return quantize(type, values);
}
