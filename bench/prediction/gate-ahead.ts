/** How often the next layer's router, asked a layer early, chooses what it will choose: it needs the model at work. */

import { loadModel } from '../../lib/model/load.js';
import { planMemory } from '../../lib/model/plan.js';
import { isHeldOut } from '../../lib/trace/holdout.js';
import type { Trace } from '../../lib/trace/trace.js';

/** So few tokens at once that routers are asked early. */
const rows = 8;

/** Recall at k on the sequences that are held out, over all layers with experts but the first. */
export async function gateAheadRecall(file: string, trace: Trace, holdout: number): Promise<number> {
  // Half of the experts: with all in memory nothing is foreseen.
  const { expertBytes, ...memory } = await planMemory(file, { batchTokens: rows, predictor: 'none' });
  const others = memory.processBytes + memory.denseBytes + memory.kvCacheBytes + memory.workspaceBytes;
  const ram = Math.ceil(others + expertBytes / 2);
  const model = await loadModel(file, {
    ram,
    batchTokens: rows,
    predictor: 'none',
    cache: { prefetch: 'gate-ahead' },
  });
  try {
    const heldOut = isHeldOut(holdout);
    for await (const { count, sequence, token } of trace.chunks()) {
      if (count > 0 && heldOut(sequence[0] as number)) await model.evaluate(token, { from: count - 1 });
    }
    const [next] = model.stats().prediction?.gateAhead ?? [];
    if (next?.layersAhead !== 1) throw new Error('no router was asked early');
    return next.right / next.choices;
  } finally {
    await model.dispose();
  }
}
