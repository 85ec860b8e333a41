// llama.cpp's side: one prompt from a cold start, then decoding; one JSON line per measure (../shared/protocol.mjs).
//   node llama.mjs '{"file":"…","threads":2,"promptTokens":64,"decodeTokens":48,"decodeSeconds":30,"vocabulary":50304}'
// Its weights are mapped. Whether they are repacked and how pages come is decided by llama-shim.c, and checked here.
import { statSync } from 'node:fs';
import { evaluate, startLlama } from '../peers/llama-runtime.mjs';
import { peakResidentBytes, print, prompts, readBytes, readRequest, secondsSince } from '../shared/protocol.mjs';
import { anonymousBytes, mappingOf } from './mapping.mjs';

const request = readRequest();
const { file, threads, promptTokens, decodeTokens, decodeSeconds, repacked, tuned } = request;

const buffers = [];
const llama = await startLlama(threads, (line) => {
  for (const [, name, size] of line.matchAll(/(\S+) model buffer size\s*=\s*(\S+ \S+)/g))
    buffers.push(`${name} ${size}`);
});

const loading = process.hrtime.bigint();
const model = await llama.loadModel({
  modelPath: file,
  gpuLayers: 0,
  useMmap: true,
  // Its estimate counts mapped weights as memory that is needed; the limit itself decides here.
  ignoreMemorySafetyChecks: true,
});
const context = await model.createContext({
  sequences: 1,
  // One more than needed: at a full context node-llama-cpp begins to shift it.
  contextSize: promptTokens + decodeTokens + 2,
  batchSize: 512,
  threads: { ideal: threads, min: threads },
  flashAttention: true,
  ignoreMemorySafetyChecks: true,
});
print({ measure: 'load', value: secondsSince(loading) });

const sequence = context.getSequence();
const prefill = process.hrtime.bigint();
let token = await evaluate(sequence, prompts(request, 1)[0]);
print({ measure: 'prefill', value: promptTokens / secondsSince(prefill) });
print({ measure: 'first token', value: secondsSince(loading) });
checkWeights();

if (decodeTokens > 0) await decode();
checkMapping();
print({ measure: 'resident', value: peakResidentBytes() });
await llama.dispose();

/** Until all tokens are there or the time is up. */
async function decode() {
  const tokens = [token];
  const bytesBefore = readBytes();
  const start = process.hrtime.bigint();
  let decoded = 0;
  while (decoded < decodeTokens && (decoded === 0 || secondsSince(start) < decodeSeconds)) {
    token = await evaluate(sequence, [token]);
    tokens.push(token);
    decoded++;
  }
  const seconds = secondsSince(start);
  print({ measure: 'decode', value: decoded / seconds, tokens });
  print({ measure: 'decoded', value: decoded });
  print({ measure: 'bytes per token', value: (readBytes() - bytesBefore) / decoded });
}

/** By what is in memory; the log does not always tell, as node-llama-cpp silences it while it estimates sizes. */
function checkWeights() {
  const anonymous = anonymousBytes();
  const text = `${mebibytes(anonymous)} MiB of anonymous memory after the prompt`;
  print({ measure: 'note', text: [...buffers.map((buffer) => `weights in ${buffer}`), text].join(', ') });
  if (!repacked && anonymous > statSync(file).size / 4)
    throw new Error(`weights were repacked although llama-shim is there: ${text}`);
}

function checkMapping() {
  const mapping = mappingOf(file);
  if (!mapping) throw new Error(`${file} is not mapped`);
  const advised = ['rr', 'hg'].filter((flag) => mapping.flags.includes(flag));
  const text = `mapping with flags ${mapping.flags.join(' ')}, ${mebibytes(mapping.hugeBytes)} of ${mebibytes(mapping.residentBytes)} MiB in 2 MiB pages`;
  print({ measure: 'note', text });
  if (tuned ? advised.length < 2 : advised.length > 0) throw new Error(`unexpected advice: ${text}`);
}

function mebibytes(bytes) {
  return Math.round(bytes / 2 ** 20);
}
