// llama.cpp as every benchmark starts and steps it.
import { getLlama } from 'node-llama-cpp';

const greedy = { generateNext: { token: true, options: { temperature: 0 } } };

/**
 * llama.cpp on the processor, from node-llama-cpp's prebuilt binaries.
 *
 * @param {number} threads
 * @param {(line: string) => void} [onLog] is given llama.cpp's own messages
 */
export function startLlama(threads, onLog) {
  return getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    ...(onLog ? { logLevel: 'info', logger: (_level, line) => onLog(line) } : { logLevel: 'error' }),
    // node-llama-cpp otherwise starts at least four threads, which spin against each other on two cores.
    maxThreads: threads,
  });
}

/** Feeds tokens and returns the greedy next one. */
export async function evaluate(sequence, tokens) {
  const outputs = await sequence.controlledEvaluate([...tokens.slice(0, -1), [tokens.at(-1), greedy]]);
  return outputs.at(-1).next.token;
}
