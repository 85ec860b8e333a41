/** JSON lines: the header, then a line per token, with `[layers][k]` experts and weights; a layer that was not recorded is null. */

import { headerKey, headerToJson } from '../header.js';
import { NOT_RECORDED, phases, type Trace } from '../trace.js';
import { type Sink, shortest } from './sink.js';

export async function jsonl(trace: Trace, sink: Sink): Promise<void> {
  const { layers, k } = trace;
  await sink(`{"${headerKey}":${headerToJson(trace)}}\n`);
  for await (const tokens of trace.chunks()) {
    const lines: string[] = [];
    for (let row = 0; row < tokens.count; row++) {
      const nested = (values: Int32Array | Float32Array) =>
        Array.from({ length: layers }, (_, layer) => {
          const at = (row * layers + layer) * k;
          return tokens.experts[at] === NOT_RECORDED ? null : Array.from(values.subarray(at, at + k), shortest);
        });
      const token = tokens.token[row] as number;
      const line = {
        sequence: tokens.sequence[row],
        position: tokens.position[row],
        token: token < 0 ? null : token,
        phase: phases[tokens.phase[row] as number],
        experts: nested(tokens.experts),
        weights: tokens.weights && nested(tokens.weights),
      };
      lines.push(`${JSON.stringify(line)}\n`);
    }
    await sink(lines.join(''));
  }
}
