// moeflow as a server: as it is, and in batches that are closed while they run.
import { loadModel } from '../../dist/lib/index.js';

async function load({ file, threads, sequences, contextLength }) {
  const kvCacheTokens = sequences * contextLength;
  return loadModel(file, { threads, contextLength, kvCacheTokens, maxSequences: sequences, predictor: 'none' });
}

async function generate(model, prompt, tokens, onToken) {
  const generation = model.generate(prompt, { maxTokens: tokens, temperature: 0, ignoreEos: true });
  for await (const piece of generation.pieces()) for (const _ of piece.tokens) onToken();
}

export async function continuous(request) {
  const model = await load(request);
  return {
    warmUp: (prompt) => generate(model, prompt, 4, () => {}),
    serve: (prompt, tokens, onToken) => generate(model, prompt, tokens, onToken),
    close: () => model.dispose(),
  };
}

/** As many as have come, at most `sequences`, are served together; who comes meanwhile waits until all of them are done. */
export async function inBatches(request) {
  const model = await load(request);
  const waiting = [];
  let running = false;
  const run = async () => {
    if (running) return;
    running = true;
    while (waiting.length > 0) {
      await Promise.all(waiting.splice(0, request.sequences).map((serve) => serve()));
    }
    running = false;
  };
  return {
    warmUp: (prompt) => generate(model, prompt, 4, () => {}),
    serve: (prompt, tokens, onToken) =>
      new Promise((resolve, reject) => {
        waiting.push(() => generate(model, prompt, tokens, onToken).then(resolve, reject));
        void run();
      }),
    close: () => model.dispose(),
  };
}
