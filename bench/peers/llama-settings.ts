import { type Request, runWorker, type Settings } from './workers.js';

const candidates: Settings[] = [
  { useMmap: true, flashAttention: true },
  { useMmap: true, flashAttention: false },
  { useMmap: false, flashAttention: true },
  { useMmap: false, flashAttention: false },
];

export function describeSettings({ useMmap, flashAttention }: Settings): string {
  return `mmap ${useMmap ? 'on' : 'off'}, flash attention ${flashAttention ? 'on' : 'off'}`;
}

/**
 * llama.cpp's best settings on this machine and file: each is tried once, and the one with the highest product of prompt and
 * decoding speeds wins. Repacking stays on: it is llama.cpp's default, and node-llama-cpp has no switch for it.
 */
export async function bestLlamaSettings(request: Request, report: (line: string) => void): Promise<Settings> {
  let best: { settings: Settings; score: number } | undefined;
  for (const settings of candidates) {
    const { measures } = await runWorker('llama', { ...request, settings });
    const speeds = [...measures].filter(([name]) => /^(prefill|decode)/.test(name));
    const score = speeds.reduce((product, [, value]) => product * value, 1) ** (1 / speeds.length);
    report(`${describeSettings(settings)}: ${speeds.map(([name, value]) => `${name} ${value.toFixed(1)}`).join(', ')}`);
    if (!best || score > best.score) best = { settings, score };
  }
  if (!best) throw new Error('no llama.cpp settings to try');
  return best.settings;
}
