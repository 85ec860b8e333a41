// llama.cpp as its server runs it: a number of slots, each of which has one request at a time, and all of them in one batch per
// step, prompts and generated tokens together.

export async function llamaServer({ file, threads, sequences, contextLength, settings }) {
  const { evaluate, startLlama } = await import('../peers/llama-runtime.mjs');
  const { useMmap, flashAttention } = settings;
  const llama = await startLlama(threads);
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0, useMmap });
  const context = await model.createContext({
    sequences,
    // At a full context node-llama-cpp begins to shift it.
    contextSize: contextLength + 2,
    batchSize: 512,
    threads: { ideal: threads, min: threads },
    flashAttention,
  });
  const slots = Array.from({ length: sequences }, () => context.getSequence());
  const waiting = [];
  const take = () => slots.pop() ?? new Promise((resolve) => waiting.push(resolve));
  const giveBack = async (slot) => {
    await slot.clearHistory();
    const next = waiting.shift();
    if (next) next(slot);
    else slots.push(slot);
  };
  const serve = async (prompt, tokens, onToken) => {
    const slot = await take();
    let token = await evaluate(slot, prompt);
    onToken();
    for (let made = 1; made < tokens; made++) {
      token = await evaluate(slot, [token]);
      onToken();
    }
    await giveBack(slot);
  };
  return {
    warmUp: (prompt) => serve(prompt, 4, () => {}),
    serve,
    close: () => llama.dispose(),
  };
}
