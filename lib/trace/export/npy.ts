/**
 * A NumPy array of expert ids, int16 [tokens, layers, k], as vLLM returns them; layers that were not recorded are -1. What else a
 * trace says (sequences, phases, weights, whether experts are ranked) is lost.
 */

import type { Trace } from '../trace.js';
import type { Sink } from './sink.js';

export async function npy(trace: Trace, sink: Sink): Promise<void> {
  let tokens = 0;
  for await (const { count } of trace.chunks()) tokens += count;
  await sink(header([tokens, trace.layers, trace.k]));
  for await (const { experts } of trace.chunks()) {
    const ids = Int16Array.from(experts);
    await sink(new Uint8Array(ids.buffer));
  }
}

/** Version 1.0 of numpy.lib.format, as long as a multiple of 64. */
function header(shape: number[]): Uint8Array {
  const text = `{'descr': '<i2', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const bytes = Buffer.alloc(length, ' ');
  bytes.write('\x93NUMPY\x01\x00', 'latin1');
  bytes.writeUInt16LE(length - 10, 8);
  bytes.write(text, 10, 'latin1');
  bytes.write('\n', length - 1, 'latin1');
  return bytes;
}
