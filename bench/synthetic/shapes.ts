/** The sizes of a real model that decide how fast it runs. */
export interface Shape {
  name: string;
  architecture: 'olmoe' | 'qwen3moe';
  layers: number;
  width: number;
  heads: number;
  keyValueHeads: number;
  headWidth: number;
  experts: number;
  expertsUsed: number;
  expertWidth: number;
  /** `feed_forward_length`: olmoe keeps the expert width there, qwen3moe the width of layers without experts. */
  feedForwardWidth: number;
  vocabulary: number;
  contextLength: number;
  ropeBase: number;
  normEpsilon: number;
  preTokenizer: string;
}

/** Source: config.json of allenai/OLMoE-1B-7B-0924 and Qwen/Qwen3-30B-A3B. */
export const shapes: Record<string, Shape> = {
  'olmoe-1b-7b': {
    name: 'OLMoE-1B-7B shape, random weights',
    architecture: 'olmoe',
    layers: 16,
    width: 2048,
    heads: 16,
    keyValueHeads: 16,
    headWidth: 128,
    experts: 64,
    expertsUsed: 8,
    expertWidth: 1024,
    feedForwardWidth: 1024,
    vocabulary: 50304,
    contextLength: 4096,
    ropeBase: 10000,
    normEpsilon: 1e-5,
    preTokenizer: 'gpt-2',
  },
  'qwen3-30b-a3b': {
    name: 'Qwen3-30B-A3B shape, random weights',
    architecture: 'qwen3moe',
    layers: 48,
    width: 2048,
    heads: 32,
    keyValueHeads: 4,
    headWidth: 128,
    experts: 128,
    expertsUsed: 8,
    expertWidth: 768,
    feedForwardWidth: 6144,
    vocabulary: 151936,
    contextLength: 40960,
    ropeBase: 1e6,
    normEpsilon: 1e-6,
    preTokenizer: 'qwen2',
  },
};
