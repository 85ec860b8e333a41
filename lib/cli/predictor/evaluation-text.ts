/** What an evaluation says, as tables. */

import type { Evaluation } from '../../../predictor/evaluate.js';
import { formatBytes, formatCount, formatShare, formatTable } from '../../report/format.js';
import type { TraceHeader } from '../../trace/trace.js';

/** Numbers of experts that are worth a line: around k, and up to half of all. */
export function worthShowing({ k, experts }: Pick<TraceHeader, 'k' | 'experts'>): number[] {
  const wanted = [k, Math.ceil(1.5 * k), 2 * k, 3 * k, 4 * k].filter((m) => m <= experts);
  return [...new Set(wanted)];
}

export function evaluationText(evaluation: Evaluation, header: TraceHeader): string {
  const { experts, layers, expertBytes } = header;
  const bytes = expertBytes?.reduce((sum, size) => sum + size, 0);
  const rows = worthShowing(header).map((m) => {
    const precision = evaluation.precisionAt[m] as number;
    return [
      String(m),
      formatShare(evaluation.recallAt[m] as number),
      formatShare(precision),
      ...(bytes === undefined ? [] : [formatBytes(Math.round(bytes * m * (1 - precision)))]),
    ];
  });
  const head = ['fetched per layer', 'recall', 'precision', ...(bytes === undefined ? [] : ['fetched in vain/token'])];
  const union = evaluation.union.map(({ batch, fetched, recall, precision }) =>
    [batch, fetched].map(String).concat([recall, precision].map(formatShare)),
  );
  const unionHead = ['side by side', 'fetched for each', 'recall of what any uses', 'precision'];
  return `${formatCount(evaluation.rows)} tokens held out, ${layers} layers, ${header.k} of ${experts} experts per token\n\n${formatTable([head, ...rows])}\ncalibration error ${evaluation.calibrationError.toFixed(4)}\n${union.length > 0 ? `\n${formatTable([unionHead, ...union])}` : ''}`;
}
