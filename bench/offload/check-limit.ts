// npm run test:memory
// A promise, checked where it hurts: under a hard limit of the budget plus 64 MiB, page cache included, a model larger than
// that runs to its end, prompt and all, and gives the tokens of a run without any limit.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeGguf } from '../../models/gguf/gguf-writer.js';
import { modelFacts } from '../shared/active-bytes.js';
import { repository, requireRuntime } from '../shared/runtimes.js';
import { syntheticModel } from '../synthetic/model.js';
import { shapes } from '../synthetic/shapes.js';
import { type GroupPlace, groupPlace } from './group-place.js';
import { interruption } from './interruption.js';
import { type Request, type Run, runInGroup } from './run.js';

const margin = 64 * 2 ** 20;
/** Shares of the file's size. */
const budgets = [0.75, 0.5];

requireRuntime('moeflow');
const folder = mkdtempSync(join(repository, 'build/memory-'));
try {
  process.exitCode = (await check(join(folder, 'model.gguf'))) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

async function check(file: string): Promise<boolean> {
  const place = whereLimited();
  if (!place) return true;
  const shape = shapes['olmoe-1b-7b'];
  if (!shape) throw new Error('the shape olmoe-1b-7b is gone');
  await writeGguf(file, syntheticModel({ ...shape, layers: 6 }, 'Q4_0', 1));
  const { size } = statSync(file);
  const { vocabulary } = await modelFacts(file);
  const request: Request = { file, threads: 2, promptTokens: 700, decodeTokens: 24, decodeSeconds: 60, vocabulary };
  const setting = { place, timeLimit: 120, signal: interruption() };

  const free = await runInGroup('resident', request, { ram: 0, group: 0 }, setting);
  let good = report('without a limit', free, free, Number.POSITIVE_INFINITY);
  for (const share of budgets) {
    const ram = Math.floor(size * share);
    const run = await runInGroup('moeflow', request, { ram, group: ram + margin }, setting);
    good = report(`budget of ${megabytes(ram)}, limit of ${megabytes(ram + margin)}`, run, free, ram + margin) && good;
  }
  return good;
}

/** Says why, where no limit can be set. */
function whereLimited(): GroupPlace | undefined {
  try {
    return groupPlace();
  } catch (error) {
    console.log(`not checked: ${(error as Error).message}`);
    return undefined;
  }
}

function report(what: string, run: Run, free: Run, limit: number): boolean {
  const peak = Math.max(run.measures.get('resident') ?? 0, run.measures.get('group') ?? 0);
  const problems = [
    ...(run.failure === undefined ? [] : [run.failure]),
    ...(peak > limit ? ['more than the limit'] : []),
    ...(run.tokens.length === 25 && run.tokens.every((token, i) => token === free.tokens[i]) ? [] : ['other tokens']),
  ];
  console.log(
    `${what}: ${megabytes(peak)} at most, ${problems.length === 0 ? 'the same tokens' : problems.join(', ')}`,
  );
  return problems.length === 0;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
