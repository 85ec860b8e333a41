import { GGMLQuantizationType, gguf } from '@huggingface/gguf';

/** What a GGUF file says about the work of one token. */
export interface ModelFacts {
  name: string;
  vocabulary: number;
  experts: number;
  expertsUsed: number;
  /** Weights read for every token: attention, norms, routers, output head; not the embedding, of which one row is read. */
  denseBytes: number;
  /** All experts of all layers. */
  expertBytes: number;
  /** Of one token in all layers, keys and values as float16. */
  cacheBytes: number;
}

/** Values and bytes per block, by GGML type (ggml-common.h). */
const blocks: Partial<Record<GGMLQuantizationType, [values: number, bytes: number]>> = {
  [GGMLQuantizationType.F32]: [1, 4],
  [GGMLQuantizationType.F16]: [1, 2],
  [GGMLQuantizationType.BF16]: [1, 2],
  [GGMLQuantizationType.Q4_0]: [32, 18],
  [GGMLQuantizationType.Q8_0]: [32, 34],
  [GGMLQuantizationType.Q4_K]: [256, 144],
  [GGMLQuantizationType.Q5_K]: [256, 176],
  [GGMLQuantizationType.Q6_K]: [256, 210],
};

/**
 * Reads a GGUF header.
 *
 * @throws Error naming the file and what is missing or unknown in it.
 */
export async function modelFacts(path: string): Promise<ModelFacts> {
  const { metadata, tensorInfos } = await gguf(path, { allowLocalFile: true }).catch((cause) => {
    throw new Error(`${path}: cannot be read as GGUF: ${(cause as Error).message}`, { cause });
  });
  const values = metadata as Record<string, unknown>;
  const architecture = String(values['general.architecture']);
  const number = (key: string): number => {
    const value = values[`${architecture}.${key}`];
    if (typeof value === 'number') return value;
    throw new Error(`${path}: ${architecture}.${key} is missing; is this a Mixture-of-Experts model?`);
  };
  const tied = !tensorInfos.some(({ name }) => name === 'output.weight');
  let denseBytes = 0;
  let expertBytes = 0;
  for (const { name, shape, dtype } of tensorInfos) {
    const block = blocks[dtype];
    if (!block)
      throw new Error(`${path}: tensor ${name} has type ${GGMLQuantizationType[dtype]}, whose size is not known here`);
    const bytes = (shape.reduce((product, size) => product * Number(size), 1) / block[0]) * block[1];
    if (name.includes('_exps.')) expertBytes += bytes;
    // A tied embedding is the output head as well, and that is read in full.
    else if (name !== 'token_embd.weight' || tied) denseBytes += bytes;
  }
  const heads = number('attention.head_count');
  const optional = (key: string, otherwise: number) => Number(values[`${architecture}.${key}`] ?? otherwise);
  const headWidth = number('embedding_length') / heads;
  const perHead = optional('attention.key_length', headWidth) + optional('attention.value_length', headWidth);
  const cacheBytes = number('block_count') * optional('attention.head_count_kv', heads) * perHead * 2;
  const tokens = values['tokenizer.ggml.tokens'];
  return {
    name: String(values['general.name'] ?? path),
    vocabulary: Array.isArray(tokens) ? tokens.length : 0,
    experts: number('expert_count'),
    expertsUsed: number('expert_used_count'),
    denseBytes,
    expertBytes,
    cacheBytes,
  };
}

/**
 * Bytes that one decoding step has to read: weights, and the keys and values of `context` tokens per sequence. With several
 * sequences the weights are an expectation, as if each token chose its experts independently and evenly: an expert is read
 * when any of them chose it.
 */
export function activeBytes(facts: ModelFacts, sequences: number, context: number): number {
  const chosen = 1 - (1 - facts.expertsUsed / facts.experts) ** sequences;
  return facts.denseBytes + facts.expertBytes * chosen + facts.cacheBytes * context * sequences;
}
