import { median, spread } from '../shared/statistics.js';
import { byRound, type Results, runsOf } from './records.js';
import { type RuntimeName, runtimes } from './runtimes.js';

/** What moeflow wants to reach, by comparison. */
interface Goal {
  measure: 'decode' | 'prefill' | 'first token';
  prompt: 'shortest' | 'longest';
  against: RuntimeName;
  goal?: number;
  /** Percent of the file; without it the goal holds at every cap. */
  cap?: number;
}

const goals: readonly Goal[] = [
  { measure: 'decode', prompt: 'shortest', against: 'llama', goal: 30 },
  { measure: 'prefill', prompt: 'shortest', against: 'llama', goal: 1.5 },
  { measure: 'first token', prompt: 'shortest', against: 'llama' },
  { measure: 'decode', prompt: 'shortest', against: 'llama-tuned', goal: 2.5 },
  { measure: 'prefill', prompt: 'shortest', against: 'llama-tuned' },
  { measure: 'prefill', prompt: 'longest', against: 'resident', goal: 0.85, cap: 50 },
];

const titles = { decode: 'decode after', prefill: 'prefill of', 'first token': 'load and prefill of' } as const;

/** Ratios of the rounds that have both values, in order; above 1, ours is better. */
export function ratios(
  ours: ReadonlyMap<number, number>,
  theirs: ReadonlyMap<number, number>,
  lowerIsBetter = false,
): number[] {
  return [...ours].flatMap(([round, value]) => {
    const other = theirs.get(round);
    if (other === undefined) return [];
    return [lowerIsBetter ? other / value : value / other];
  });
}

/**
 * Rows of moeflow's speed over another's: the median of the rounds' ratios, lowest and highest, the goal and whether it is
 * reached. Both runs of a ratio are of the same round, so a machine or disk that is slower for a while slows both.
 */
export function ratioRows(results: Results, cap: number, prompts: readonly number[]): string[][] {
  const rows = goals.flatMap(({ measure, prompt, against, goal, cap: only }) => {
    const tokens = (prompt === 'shortest' ? prompts[0] : prompts.at(-1)) ?? 0;
    const theirs = runsOf(results, against, cap, tokens);
    const ours = runsOf(results, 'moeflow', cap, tokens);
    if (ours.length === 0 || theirs.length === 0) return [];
    const made = ratios(byRound(ours, measure), byRound(theirs, measure), measure === 'first token');
    const what = `${titles[measure]} ${tokens}, against ${runtimes[against].title}`;
    if (made.length === 0) return [[what, 'not measured', '']];
    const goalHere = only === undefined || only === cap ? goal : undefined;
    const reached = goalHere === undefined ? '' : median(made) >= goalHere ? 'reached' : 'missed';
    return [[what, spread(made, (value) => value.toFixed(2)), goalHere === undefined ? '' : `${goalHere}: ${reached}`]];
  });
  return rows.length === 0 ? [] : [['ratio', 'median (lowest to highest)', 'goal'], ...rows];
}
