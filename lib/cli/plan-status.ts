/** The line that shows on a terminal while a plan is made. */

import type { placement } from '../index.js';

export interface PlanStatus {
  update(progress: placement.PlanProgress): void;
  /** Takes the line off the screen. */
  stop(): void;
}

/** On stderr, and only if that is a terminal. */
export function createPlanStatus(): PlanStatus {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const write = (text: string) => process.stderr.write(`\r\u001b[K${text}`);
  return {
    update({ phase, cost, bound }) {
      const found = cost === undefined ? '' : `: ${cost.toFixed(4)}`;
      write(`${phase}${found}${bound === undefined ? '' : `, at least ${bound.toFixed(4)}`}`);
    },
    stop: () => write(''),
  };
}
