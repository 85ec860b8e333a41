/** What a run measures, by the names in workers' lines, and how a table shows it. */
export interface Measure {
  name: string;
  title: string;
  show(value: number): string;
  /** Measured after every prompt, not only after the first. */
  everyPrompt?: boolean;
}

const fixed =
  (digits: number, divisor = 1) =>
  (value: number) =>
    (value / divisor).toFixed(digits);
const percent = (value: number) => `${(100 * value).toFixed(1)}%`;

export const measures: readonly Measure[] = [
  { name: 'load', title: 'load, s', show: fixed(2) },
  { name: 'prefill', title: 'prefill, tokens/s', show: fixed(1), everyPrompt: true },
  { name: 'first token', title: 'load and prefill, s', show: fixed(2), everyPrompt: true },
  { name: 'decode', title: 'decode, tokens/s', show: fixed(2) },
  { name: 'decoded', title: 'tokens decoded', show: fixed(0) },
  { name: 'bytes per token', title: 'read per token, MB', show: fixed(1, 1e6) },
  { name: 'hit rate', title: 'experts hit', show: percent },
  { name: 'late hits', title: 'experts hit late', show: percent },
  { name: 'wasted prefetches per token', title: 'prefetches wasted per token', show: fixed(1) },
  { name: 'misses of the optimum', title: "misses, times Belady's", show: fixed(2) },
  { name: 'reads of the optimum', title: "experts read, times Belady's misses", show: fixed(2) },
  { name: 'stalled', title: 'waited for experts per token, ms', show: fixed(1, 1e-3) },
  { name: 'resident', title: 'most resident, GB', show: fixed(2, 1e9), everyPrompt: true },
  { name: 'group', title: 'most in the group, GB', show: fixed(2, 1e9), everyPrompt: true },
];
