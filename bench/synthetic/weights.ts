import { quantize } from '../../models/gguf/quantize.js';
import { type TensorType, tensorTypes } from '../../models/gguf/tensor-types.js';
import type { RowStart } from './locality.js';
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

  /** As `matrix`, where each row begins with given values instead; they must fill whole blocks. */
  *matrixWithStarts(
    name: string,
    type: TensorType,
    rowLength: number,
    rows: number,
    startOf: RowStart,
    deviation?: number,
  ): Generator<Uint8Array> {
    const { blockValues, blockBytes } = tensorTypes[type];
    const rowBytes = (rowLength / blockValues) * blockBytes;
    const starts = new Map<Float32Array, Uint8Array>();
    const bytes = Buffer.concat([...this.matrix(name, type, rowLength, rows, deviation)]);
    for (let row = 0; row < rows; row++) {
      const values = startOf(row);
      const start = starts.get(values) ?? quantize(type, values);
      starts.set(values, start);
      bytes.set(start, row * rowBytes);
    }
    yield bytes;
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
