// llama.cpp's side: one prompt from a cold start, then decoding; one JSON line per measure (../shared/protocol.mjs).
//   node llama.mjs '{"file":"…","threads":2,"promptTokens":64,"decodeTokens":48,"decodeSeconds":30,"vocabulary":50304}'
// Its weights are mapped. Whether they are repacked and how pages come is decided by llama-shim.c, and checked here.
import { evaluate, startLlama } from '../peers/llama-runtime.mjs';
import { peakResidentBytes, print, prompts, readBytes, readRequest, secondsSince } from '../shared/protocol.mjs';
import { mappingOf } from './mapping.mjs';

const request = readRequest();
const { file, threads, promptTokens, decodeTokens, decodeSeconds, repacked, tuned } = request;

const buffers = [];
const llama = await startLlama(threads, (line) => {
  const [, name, size] = /(\S+) model buffer size\s*=\s*(\S+ \S+)/.exec(line) ?? [];
  if (name) buffers.push(`${name} ${size}`);
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
checkBuffers();

const sequence = context.getSequence();
const prefill = process.hrtime.bigint();
let token = await evaluate(sequence, prompts(request, 1)[0]);
print({ measure: 'prefill', value: promptTokens / secondsSince(prefill) });

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

function checkBuffers() {
  print({ measure: 'note', text: `weights in ${buffers.join(', ') || 'buffers that the log does not name'}` });
  const repacks = buffers.some((name) => /repack|amx/i.test(name));
  if (!repacked && repacks)
    throw new Error(`weights were repacked although llama-shim is there: ${buffers.join(', ')}`);
  if (!buffers.some((name) => /mapped/i.test(name))) throw new Error(`weights were not mapped: ${buffers.join(', ')}`);
}

function checkMapping() {
  const mapping = mappingOf(file);
  if (!mapping) throw new Error(`${file} is not mapped`);
  const advised = ['rr', 'hg'].filter((flag) => mapping.flags.includes(flag));
  const text = `mapping with flags ${mapping.flags.join(' ')}, ${mapping.hugeBytes / 2 ** 20} of ${mapping.residentBytes / 2 ** 20} MiB in 2 MiB pages`;
  print({ measure: 'note', text });
  if (tuned ? advised.length < 2 : advised.length > 0) throw new Error(`unexpected advice: ${text}`);
}
