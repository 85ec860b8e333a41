import { diskSpeed } from './disk.js';
import type { GroupPlace } from './group-place.js';
import type { Options } from './options.js';
import type { PageCache } from './page-cache.js';
import type { Results } from './records.js';
import { runLine } from './report.js';
import { type Limits, runInGroup } from './run.js';
import { type RuntimeName, runtimes } from './runtimes.js';

export interface Setting extends Options {
  /** Bytes of the file. */
  size: number;
  vocabulary: number;
  place: GroupPlace;
  cache: PageCache;
  signal: AbortSignal;
}

/** What a group may hold beyond the budget: node itself, and what the kernel keeps for it. */
const groupExtra = 64 * 2 ** 20;

/** The budget is the cap; every runtime's group may hold a little more. */
export function limitsAt(cap: number, size: number): Limits {
  const ram = Math.floor((size * cap) / 100);
  return { ram, group: ram + groupExtra };
}

/** Fills `results` round by round; within a round everything has its turn. */
export async function measureAll(results: Results, setting: Setting): Promise<void> {
  const givenUp = new Map<string, number>();
  for (let round = 1; round <= setting.runs; round++) {
    for (const cap of setting.caps) {
      await measureDisk(results, round, cap, setting);
      for (const promptTokens of setting.prompts) {
        for (const runtime of inTurn(setting.runtimes, round)) {
          const { capped } = runtimes[runtime];
          // Without a cap once a round is enough.
          if (!capped && cap !== setting.caps[0]) continue;
          // A run that did not end will not the next time, nor with a longer prompt.
          const attempt = `${runtime} ${capped ? cap : ''}`;
          if (promptTokens >= (givenUp.get(attempt) ?? Number.POSITIVE_INFINITY)) continue;
          const failed = await measureOne(results, { round, cap, promptTokens, runtime }, setting);
          if (failed) givenUp.set(attempt, promptTokens);
        }
      }
    }
  }
}

/** Each round begins with another one: what ran before decides how much of the machine's memory is warm. */
function inTurn(names: readonly RuntimeName[], round: number): RuntimeName[] {
  const first = (round - 1) % names.length;
  return [...names.slice(first), ...names.slice(0, first)];
}

async function measureDisk(results: Results, round: number, cap: number, setting: Setting): Promise<void> {
  const speed = await diskSpeed(setting.file, setting.diskSeconds, setting.signal);
  if (!speed) return;
  results.disks.push({ round, cap, speed });
  console.log(`round ${round}, ${cap}%: disk ${(speed.bytesPerSecond / 1e9).toFixed(2)} GB/s (${speed.how})`);
}

async function measureOne(
  results: Results,
  { round, cap, promptTokens, runtime }: { round: number; cap: number; promptTokens: number; runtime: RuntimeName },
  setting: Setting,
): Promise<boolean> {
  const { file, size, threads, decodeTokens, decodeSeconds, prompts, vocabulary, cache } = setting;
  cache.forget(file);
  const request = {
    file,
    threads,
    promptTokens,
    decodeTokens: promptTokens === prompts[0] ? decodeTokens : 0,
    decodeSeconds,
    vocabulary,
  };
  const run = await runInGroup(runtime, request, limitsAt(cap, size), setting);
  const capOfRun = runtimes[runtime].capped ? cap : undefined;
  results.runs.push({ round, cap: capOfRun, promptTokens, runtime, run });
  const where = [
    `round ${round}`,
    ...(capOfRun ? [`${cap}%`] : []),
    `prompt of ${promptTokens}`,
    runtimes[runtime].title,
  ];
  console.log(`${where.join(', ')}: ${runLine(run)}`);
  return run.failure !== undefined;
}
