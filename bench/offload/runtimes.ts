/** What can be measured, in the order of a round. */
export const runtimes = {
  moeflow: { title: 'moeflow', engine: 'moeflow', capped: true },
  resident: { title: 'moeflow, no cap', engine: 'moeflow', capped: false },
  'llama-repacked': { title: 'llama.cpp, repacking', engine: 'llama', capped: true },
  llama: { title: 'llama.cpp, mmap', engine: 'llama', capped: true },
  'llama-tuned': { title: 'llama.cpp, hand-tuned', engine: 'llama', capped: true },
} as const;

export type RuntimeName = keyof typeof runtimes;

export const runtimeNames = Object.keys(runtimes) as RuntimeName[];

/** The runtimes that `--only` names, in the order of a round; all without it. */
export function chosenRuntimes(only: string | undefined): RuntimeName[] {
  if (only === undefined) return runtimeNames;
  const chosen = only.split(',');
  const unknown = chosen.find((name) => !(name in runtimes));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: use some of ${runtimeNames.join(',')}`);
  return runtimeNames.filter((name) => chosen.includes(name));
}
