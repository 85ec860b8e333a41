import { join } from 'node:path';
import { trainPredictor, writePredictor } from '../../predictor/index.js';
import { ruledTrace, small, writeTraceTo } from '../predictor/made-up-routes.js';

/** In a folder, a trace of made-up routes and a predictor that was trained on it: their paths. */
export async function writeTrained(folder: string, sequences: number, epochs: number) {
  const routes = ruledTrace({ sequences });
  const trace = await writeTraceTo(join(folder, 'trace.parquet'), routes);
  const predictor = join(folder, 'routes.predictor');
  await writePredictor(predictor, await trainPredictor(routes, { ...small, epochs }));
  return { trace, predictor };
}
