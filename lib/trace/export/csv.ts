/** CSV: the header as a comment, then a line per token, layer and expert; layers that were not recorded have none. */

import { headerKey, headerToJson } from '../header.js';
import { NOT_RECORDED, phases, type Trace } from '../trace.js';
import { type Sink, shortest } from './sink.js';

export async function csv(trace: Trace, sink: Sink): Promise<void> {
  const { layers, k } = trace;
  let begun = false;
  for await (const tokens of trace.chunks()) {
    const lines: string[] = [];
    if (!begun) lines.push(head(trace, tokens.weights !== undefined));
    begun = true;
    for (let row = 0; row < tokens.count; row++) {
      const id = tokens.token[row] as number;
      const start = `${tokens.sequence[row]},${tokens.position[row]},${id < 0 ? '' : id},${phases[tokens.phase[row] as number]}`;
      for (let i = 0; i < layers * k; i++) {
        const at = row * layers * k + i;
        if (tokens.experts[at] === NOT_RECORDED) continue;
        const weight = tokens.weights ? `,${shortest(tokens.weights[at] as number)}` : '';
        lines.push(`${start},${Math.floor(i / k)},${i % k},${tokens.experts[at]}${weight}\n`);
      }
    }
    await sink(lines.join(''));
  }
  if (!begun) await sink(head(trace, false));
}

function head(trace: Trace, weighted: boolean): string {
  const columns = `sequence,position,token,phase,layer,rank,expert${weighted ? ',weight' : ''}`;
  return `# ${headerKey} ${headerToJson(trace)}\n${columns}\n`;
}
