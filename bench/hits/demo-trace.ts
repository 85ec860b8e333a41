/** A trace of the embedded demo model, for machines without published ones. */

import { join } from 'node:path';
import { loadModel } from '../../lib/model/load.js';
import { DECODE, PREFILL, type Trace, type TraceTokens, tokensOf, traceInMemory } from '../../lib/trace/trace.js';
import { repository } from '../shared/runtimes.js';

const prompts = [
  'Once upon a time there was a little girl who',
  'def fibonacci(n):',
  'The capital of France is',
  'In the year 1969',
];

/** Greedy text after a few prompts, each a sequence. */
export async function demoTrace(tokensPerPrompt = 200): Promise<Trace> {
  const model = await loadModel(join(repository, 'models/demo/moeflow-demo-q8_0.gguf'));
  try {
    const { expertLayers: layers, experts, expertsUsed: k, expertBytes } = model.info;
    const header = {
      model: 'moeflow demo model',
      layers,
      experts,
      k,
      ranked: true,
      expertBytes: new Array<number>(layers).fill(expertBytes / (layers * experts)),
    };
    const parts: TraceTokens[] = [];
    for (const [sequence, prompt] of prompts.entries()) {
      const { routing, stats } = await model.generate(prompt, {
        maxTokens: tokensPerPrompt,
        ignoreEos: true,
        routing: true,
      }).result;
      const part = tokensOf(header, routing?.experts as Int32Array, { sequence });
      parts.push({
        ...part,
        phase: part.phase.map((_, token) => (token < stats.promptTokens ? PREFILL : DECODE)),
      });
    }
    return traceInMemory(header, ...parts);
  } finally {
    await model.dispose();
  }
}
