// What llama.cpp makes of a demo model file: prompt token ids and greedy continuations against models/demo/reference.json,
// and the mean negative log likelihood of the held-out text.
//   node bench/peers/check-demo.mjs <file.gguf> [--nll]
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { getLlama } from 'node-llama-cpp';

const demo = new URL('../../models/demo/', import.meta.url);
const readJson = (name) => JSON.parse(readFileSync(new URL(name, demo), 'utf8'));
const reference = readJson('reference.json');
const [file, likelihood] = process.argv.slice(2);

// node-llama-cpp's default is at least four threads, which spin against each other on a machine with two cores.
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  progressLogs: false,
  logLevel: 'error',
  maxThreads: availableParallelism(),
});
const model = await llama.loadModel({ modelPath: file });
const context = await model.createContext({ contextSize: 1024, batchSize: 512 });
const sequence = context.getSequence();

for (const [prompt, expected] of Object.entries(reference.greedy)) {
  // The document's first token is not part of the text: the reference puts it in front itself.
  const ids = [expected.prompt_ids[0], ...model.tokenize(prompt)];
  await sequence.clearHistory();
  const greedy = [];
  let next = ids;
  while (greedy.length < expected.ids.length) {
    const input = [...next.slice(0, -1), [next.at(-1), { generateNext: { token: true, options: { temperature: 0 } } }]];
    const outputs = await sequence.controlledEvaluate(input);
    next = [outputs.at(-1).next.token];
    greedy.push(next[0]);
  }
  const same = greedy.findIndex((id, index) => id !== expected.ids[index]);
  console.log(
    JSON.stringify({
      prompt,
      sameIds: ids.join() === expected.prompt_ids.join(),
      greedySame: same < 0 ? greedy.length : same,
      of: expected.ids.length,
    }),
  );
}

if (likelihood === '--nll') {
  for (const domain of Object.keys(reference.nll)) {
    const ids = readJson(`heldout/${domain}.json`);
    let sum = 0;
    for (let window = 0; window < reference.windows; window++) {
      const tokens = ids.slice(window * reference.window, window * reference.window + reference.window + 1);
      sum += await windowLikelihood(tokens);
    }
    const nll = sum / (reference.windows * reference.window);
    console.log(JSON.stringify({ domain, nll: Number(nll.toFixed(5)), reference: reference.nll[domain] }));
  }
}
await llama.dispose();

/** Sum over positions of -log p(next token). */
async function windowLikelihood(tokens) {
  await sequence.clearHistory();
  const input = tokens.slice(0, -1).map((token, index) => {
    const filter = { tokens: [tokens[index + 1]], includeTop: 1 };
    return [token, { generateNext: { logits: { filter }, totalLogitWeight: true, options: { temperature: 0 } } }];
  });
  const outputs = await sequence.controlledEvaluate(input);
  return outputs.reduce((sum, { next }, index) => {
    const highest = Math.max(...next.logits.values());
    return sum + highest + Math.log(next.totalLogitWeight) - next.logits.get(tokens[index + 1]);
  }, 0);
}
