// llama.cpp's side of the comparison: loads, reads a prompt, decodes; prints one JSON line per measure (../shared/protocol.mjs).
//   node llama.mjs '{"file":"…","threads":2,"promptTokens":512,"decodeTokens":64,"batches":[1,4,8],"vocabulary":50304}'
import { peakResidentBytes, print, prompts, readRequest, secondsSince } from '../shared/protocol.mjs';
import { evaluate, startLlama } from './llama-runtime.mjs';

const request = readRequest();
const { file, threads, promptTokens, decodeTokens, batches } = request;
const { useMmap = true, flashAttention = true } = request.settings ?? {};
let steps = 0;

const llama = await startLlama(threads);
print({ measure: 'note', text: llama.systemInfo.trim() });

const loading = process.hrtime.bigint();
// Weights are repacked for the processor (AMX, interleaved rows) where llama.cpp can: that is its default.
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0, useMmap });
let context = await createContext(1);
print({ measure: 'load', value: secondsSince(loading) });

// Touches almost every expert once, so that page faults are not part of what follows.
const warmUp = context.getSequence();
await evaluate(warmUp, prompts({ ...request, promptTokens: Math.min(64, promptTokens) }, 1)[0]);
await warmUp.dispose();

for (const sequences of batches) {
  await context.dispose();
  context = await createContext(sequences);
  await measure(sequences);
}
print({ measure: 'memory', value: peakResidentBytes() });
await llama.dispose();

/** A context with room for `sequences` prompts and their continuations; node-llama-cpp multiplies the size itself. */
function createContext(sequences) {
  return model.createContext({
    sequences,
    // One more than needed: at a full context node-llama-cpp begins to shift it.
    contextSize: promptTokens + decodeTokens + 2,
    batchSize: 512,
    threads: { ideal: threads, min: threads },
    flashAttention,
    batching: { itemPrioritizationStrategy: firstInFirstOut },
  });
}

/** node-llama-cpp's strategy of that name; as our own function it is called once per llama_decode, so it can count them. */
function firstInFirstOut({ items, size }) {
  steps++;
  let left = size;
  return items.map((item) => {
    const processAmount = Math.min(item.tokens.length, left);
    left -= processAmount;
    return { item, processAmount };
  });
}

async function measure(sequences) {
  const running = Array.from({ length: sequences }, () => context.getSequence());

  const prefill = process.hrtime.bigint();
  const first = await Promise.all(prompts(request, sequences).map((prompt, index) => evaluate(running[index], prompt)));
  const prefillSeconds = secondsSince(prefill);
  print({ measure: 'prefill', sequences, value: (sequences * promptTokens) / prefillSeconds });

  steps = 0;
  const decode = process.hrtime.bigint();
  const generated = await generateTogether(running, first);
  const decodeSeconds = secondsSince(decode);
  print({
    measure: 'decode',
    sequences,
    value: (sequences * decodeTokens) / decodeSeconds,
    steps, // decodeTokens when the sequences share their llama_decode calls, as they must
    tokens: [first, ...generated.slice(0, 7)].map(([token]) => token),
  });
  for (const sequence of running) await sequence.dispose();
}

/** Decodes all sequences in step, as one batch per token; left to themselves they drift into batches of their own. */
async function generateTogether(running, firstTokens) {
  const generated = [];
  for (let tokens = firstTokens; generated.length < decodeTokens; ) {
    tokens = await Promise.all(running.map((sequence, index) => evaluate(sequence, [tokens[index]])));
    generated.push(tokens);
  }
  return generated;
}
