/** How often each expert is used. */

import { NOT_RECORDED, type TraceHeader, type TraceTokens } from './trace.js';

/** Adds the tokens' uses of experts to `uses`, [layers][experts] flat. */
export function countUses({ layers, experts, k }: TraceHeader, tokens: TraceTokens, uses: Float64Array): void {
  let at = 0;
  for (let token = 0; token < tokens.count; token++) {
    for (let layer = 0; layer < layers; layer++) {
      for (let rank = 0; rank < k; rank++) {
        const expert = tokens.experts[at++] as number;
        if (expert === NOT_RECORDED) continue;
        const number = layer * experts + expert;
        uses[number] = (uses[number] ?? 0) + 1;
      }
    }
  }
}
