/** Reading plans: from files and other strangers. */

import { readFile } from 'node:fs/promises';
import { InvalidFileError } from '../errors.js';
import { checkPlacement } from './placement.js';
import { type Plan, planFormat } from './plan-type.js';

/**
 * Reads a plan that moeflow wrote (docs/plan.schema.json).
 *
 * @throws InvalidFileError naming the file and the place in it
 */
export async function readPlan(path: string): Promise<Plan> {
  return parsePlan(await readFile(path, 'utf8'), path);
}

/**
 * A plan from its JSON text. What moeflow itself relies on is checked; the evaluation is taken as it is, and is worth a recount.
 *
 * @throws InvalidFileError naming `what` and the place in it
 */
export function parsePlan(text: string, what = 'plan'): Plan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidFileError(`${what}: not JSON (${(error as Error).message})`, { cause: error });
  }
  const wrong = (problem: string) => new InvalidFileError(`${what}: ${problem}`);
  if (typeof value !== 'object' || value === null) throw wrong('not a plan: it must be an object');
  const plan = value as Record<string, unknown>;
  if (plan.format !== planFormat) throw wrong(`not a plan: "format" must be "${planFormat}"`);
  if (plan.version !== 1) throw wrong(`version ${plan.version} of the format is not known to this moeflow, only 1 is`);
  for (const name of ['gpus', 'nodes', 'layers', 'experts']) {
    if (!Number.isInteger(plan[name]) || (plan[name] as number) < 1)
      throw wrong(`"${name}" must be an integer of at least 1`);
  }
  const { gpus, nodes, layers, experts, placement } = plan as unknown as Plan;
  if (gpus % nodes !== 0) throw wrong(`${gpus} GPUs do not divide by ${nodes} nodes`);
  try {
    checkPlacement(placement, gpus, what);
  } catch (error) {
    throw new InvalidFileError((error as Error).message, { cause: error });
  }
  if (placement.length !== layers) throw wrong(`"layers" is ${layers}, but placement has ${placement.length}`);
  if (placement[0]?.length !== experts) {
    throw wrong(`"experts" is ${experts}, but placement[0] has ${placement[0]?.length}`);
  }
  for (const name of ['metadata', 'evaluation']) {
    if (typeof plan[name] !== 'object' || plan[name] === null) throw wrong(`"${name}" must be an object`);
  }
  return plan as unknown as Plan;
}
