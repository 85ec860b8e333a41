// moeflow's side: the same measures and lines as llama.mjs, and what its cache of experts did while decoding.
import { loadModel, simulateCache } from '../../dist/lib/index.js';
import { peakResidentBytes, print, prompts, readBytes, readRequest, secondsSince } from '../shared/protocol.mjs';

const request = readRequest();
const { file, threads, promptTokens, decodeTokens, decodeSeconds, ram } = request;

const loading = process.hrtime.bigint();
const model = await loadModel(file, { threads, ram, contextLength: promptTokens + decodeTokens + 2 });
const loadSeconds = secondsSince(loading);
print({ measure: 'load', value: loadSeconds });
const { slots, policy } = model.stats().experts;
print({
  measure: 'note',
  text: policy === 'resident' ? 'all experts in memory' : `${slots} experts in memory, ${policy}`,
});

const [prompt] = prompts(request, 1);
// The first token comes from the prompt, hence one more than is decoded.
const generation = model.generate(prompt, {
  maxTokens: decodeTokens + 1,
  temperature: 0,
  ignoreEos: true,
  routing: decodeTokens > 0,
});
let before;
for await (const _ of generation)
  before ??= { ...readings(), timer: setTimeout(() => generation.stop(), decodeSeconds * 1000) };
const after = readings();
clearTimeout(before?.timer);
const { stats, tokens, routing } = await generation.result;

print({ measure: 'prefill', value: stats.promptTokensPerSecond });
print({ measure: 'first token', value: loadSeconds + promptTokens / stats.promptTokensPerSecond });
if (decodeTokens > 0) await report();
print({ measure: 'resident', value: peakResidentBytes() });
await model.dispose();

function readings() {
  return { experts: model.stats().experts, bytes: readBytes() };
}

async function report() {
  const decoded = tokens.length - 1;
  print({ measure: 'decode', value: stats.generatedTokensPerSecond, tokens });
  print({ measure: 'decoded', value: decoded });
  const { layers, k, experts } = routing;
  print({ measure: 'routes', routes: { promptTokens, layers, k, experts: model.info.experts, chosen: [...experts] } });
  if (policy === 'resident') return;

  const between = (name) => after.experts[name] - before.experts[name];
  const uses = between('hits') + between('lateHits') + between('misses');
  // Where a first token's text had to wait for the next one, the readings began later: they cover these tokens.
  const covered = uses / (layers * k);
  print({ measure: 'bytes per token', value: (after.bytes - before.bytes) / covered });
  print({ measure: 'expert bytes per token', value: between('bytesRead') / covered });
  print({ measure: 'hit rate', value: between('hits') / uses });
  print({ measure: 'late hits', value: between('lateHits') / uses });
  print({ measure: 'wasted prefetches per token', value: between('wastedPrefetches') / covered });
  print({ measure: 'stalled', value: between('stallSeconds') / covered });

  // Over the whole run, as the optimum may use what the prompt left.
  const { misses } = await simulateCache(
    {
      layers,
      experts: model.info.experts,
      expertsUsed: k,
      routes: experts,
      itemTokens: Int32Array.from([promptTokens, ...Array(decoded).fill(1)]),
    },
    { policy: 'belady', slots },
  );
  print({ measure: 'misses of the optimum', value: stats.experts.misses / misses });
  print({ measure: 'reads of the optimum', value: (stats.experts.misses + stats.experts.prefetches) / misses });
}
