// moeflow's side of the comparison; the same measures and lines as llama.mjs (../shared/protocol.mjs).
import { loadModel } from '../../dist/lib/index.js';
import { peakResidentBytes, print, prompts, readRequest, secondsSince } from '../shared/protocol.mjs';

const request = readRequest();
const { file, threads, promptTokens, decodeTokens, batches } = request;

const loading = process.hrtime.bigint();
const model = await loadModel(file, { threads, contextLength: promptTokens + decodeTokens + 2 });
print({ measure: 'load', value: secondsSince(loading) });

// As in llama.mjs: touches almost every expert once.
await run(prompts({ ...request, promptTokens: Math.min(64, promptTokens) }, 1), 1);

for (const sequences of batches) {
  const streams = await run(prompts(request, sequences), decodeTokens + 1);
  print({ measure: 'prefill', sequences, value: prefillSpeed(streams) });
  print({ measure: 'decode', sequences, value: decodeSpeed(streams), tokens: streams[0].tokens.slice(0, 8) });
}
print({ measure: 'memory', value: peakResidentBytes() });
await model.dispose();

/**
 * Generates from all prompts at once, which moeflow batches, and notes when each sequence's pieces arrive. The first token
 * comes from the prompt, hence one more than is decoded.
 */
function run(prompts, maxTokens) {
  const start = process.hrtime.bigint();
  return Promise.all(
    prompts.map(async (prompt) => {
      const generation = model.generate(prompt, { maxTokens, temperature: 0, ignoreEos: true });
      const arrivals = [];
      for await (const _ of generation) arrivals.push(secondsSince(start));
      const { tokens, stats } = await generation.result;
      return { arrivals, tokens, stats };
    }),
  );
}

/** All prompt tokens over the time until the last sequence had its first token; alone, moeflow's own figure. */
function prefillSpeed(streams) {
  if (streams.length === 1) return streams[0].stats.promptTokensPerSecond;
  return (streams.length * promptTokens) / Math.max(...streams.map(({ arrivals }) => arrivals[0]));
}

/**
 * Alone, moeflow's own figure. Together: tokens per second while every sequence was decoding, from the last one's first token
 * to the first one's last. Sequences may start apart, when prompts are read between steps; that is not decoding speed.
 */
function decodeSpeed(streams) {
  if (streams.length === 1) return streams[0].stats.generatedTokensPerSecond;
  const from = Math.max(...streams.map(({ arrivals }) => arrivals[0]));
  const to = Math.min(...streams.map(({ arrivals }) => arrivals.at(-1)));
  // A piece of text may hold two tokens, when a character's bytes come one by one.
  const inside = streams.map(
    ({ arrivals, tokens }) =>
      (arrivals.filter((time) => time > from && time <= to).length * tokens.length) / arrivals.length,
  );
  const tokens = inside.reduce((sum, count) => sum + count, 0);
  if (tokens < (streams.length * decodeTokens) / 2) {
    const text = `only ${tokens.toFixed(0)} of ${streams.length * decodeTokens} tokens were decoded with all sequences running`;
    print({ measure: 'note', sequences: streams.length, text });
  }
  return tokens / (to - from);
}
