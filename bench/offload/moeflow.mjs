// moeflow's side: the same measures and lines as llama.mjs, and what its cache of experts did while decoding.
import { loadWithShare } from '../../build/tools/bench/shared/expert-share.js';
import { loadModel, planMemory, simulateCache } from '../../dist/lib/index.js';
import { peakResidentBytes, print, prompts, readBytes, readRequest, secondsSince } from '../shared/protocol.mjs';

const request = readRequest();
const { file, threads, decodeTokens, decodeSeconds, load } = request;

const loading = process.hrtime.bigint();
const contextLength = request.promptTokens + decodeTokens + 2;
const options = { threads, ram: request.ram, contextLength, predictor: 'none', ...load };
const { expertShare } = request;
const model = await (expertShare === undefined
  ? loadModel(file, options)
  : loadWithShare({ loadModel, planMemory }, file, options, expertShare));
const loadSeconds = secondsSince(loading);
print({ measure: 'load', value: loadSeconds });
const { slots, policy } = model.stats().experts;
print({
  measure: 'note',
  text: policy === 'resident' ? 'all experts in memory' : `${slots} experts in memory, ${policy}`,
});

const [random] = prompts(request, 1);
const prompt = request.prompt === undefined ? random : model.tokenize(request.prompt).slice(0, request.promptTokens);
const promptTokens = prompt.length;
// The first token comes from the prompt, hence one more than is decoded.
const generation = model.generate(prompt, {
  maxTokens: decodeTokens + 1,
  temperature: 0,
  ...request.sampling,
  ignoreEos: true,
  routing: decodeTokens > 0,
});
let before;
const times = [];
for await (const _ of generation) {
  times.push(performance.now());
  before ??= { ...readings(), timer: setTimeout(() => generation.stop(), decodeSeconds * 1000) };
}
const after = readings();
clearTimeout(before?.timer);
const { stats, tokens, routing } = await generation.result;

print({ measure: 'prefill', value: stats.promptTokensPerSecond });
print({ measure: 'first token', value: loadSeconds + promptTokens / stats.promptTokensPerSecond });
if (decodeTokens > 0) await report();
print({ measure: 'resident', value: peakResidentBytes() });
await model.dispose();

function describe({ prefetch, layersAhead, leastProbability }) {
  const details = [
    ...(layersAhead > 0 ? [`${layersAhead} ahead`] : []),
    ...(leastProbability === undefined ? [] : [`from ${leastProbability.toFixed(1)}`]),
  ];
  return [prefetch, ...details].join(', ');
}

function readings() {
  return { experts: model.stats().experts, bytes: readBytes() };
}

async function report() {
  const decoded = tokens.length - 1;
  print({ measure: 'decode', value: stats.generatedTokensPerSecond, tokens });
  print({ measure: 'decoded', value: decoded });
  // Of the second half of the time's texts: a token's text may come with the next one's.
  const half = Math.floor(times.length / 2);
  print({ measure: 'decode, second half', value: ((times.length - 1 - half) * 1000) / (times.at(-1) - times[half]) });
  const { layers, k, experts } = routing;
  const ids = [...prompt, ...tokens.slice(0, decoded)];
  const expertBytes = model.info.bytesPerExpertByLayer;
  const shape = { promptTokens, layers, k, experts: model.info.experts, expertBytes };
  print({ measure: 'routes', routes: { ...shape, ids, chosen: [...experts] } });
  if (policy === 'resident') return;
  print({ measure: 'slots', value: slots });

  const between = (name) => after.experts[name] - before.experts[name];
  const uses = between('hits') + between('lateHits') + between('misses');
  // Where a first token's text had to wait for the next one, the readings began later: they cover these tokens.
  const covered = uses / (layers * k);
  print({ measure: 'bytes per token', value: (after.bytes - before.bytes) / covered });
  print({ measure: 'expert bytes per token', value: between('bytesRead') / covered });
  print({ measure: 'hit rate', value: between('hits') / uses });
  print({ measure: 'prefetches per token', value: between('prefetches') / covered });
  print({ measure: 'late hits', value: between('lateHits') / uses });
  print({ measure: 'wasted prefetches per token', value: between('wastedPrefetches') / covered });
  print({ measure: 'stalled', value: between('stallSeconds') / covered });

  const { inEffect, tried, gateAhead } = model.stats().prediction;
  print({ measure: 'in effect', text: describe(inEffect), strategy: inEffect });
  const [next] = gateAhead;
  if (next?.layersAhead === 1) print({ measure: 'gate-ahead', value: next.right / next.choices });
  for (const way of tried)
    print({ measure: 'tried', text: `${describe(way)} ${(1e3 * way.stepSeconds).toFixed(1)} ms` });

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
