import { readFileSync } from 'node:fs';

/** What the converter needs of a Qwen3-MoE `config.json`, under this repository's names. */
export interface Qwen3MoeConfig {
  layers: number;
  width: number;
  feedForwardWidth: number;
  contextLength: number;
  heads: number;
  keyValueHeads: number;
  headWidth: number;
  normEpsilon: number;
  ropeBase: number;
  experts: number;
  expertsUsed: number;
  expertWidth: number;
  vocabulary: number;
  tiedEmbeddings: boolean;
  beginToken: number | undefined;
  endToken: number | undefined;
  paddingToken: number | undefined;
}

type Json = Record<string, unknown>;

/**
 * Reads and checks `config.json`.
 *
 * @throws Error naming the file and the key: missing, of the wrong type, or asking for something that the GGUF
 * architecture qwen3moe cannot say (layers without experts, attention biases, scaled RoPE, weights not normalised).
 */
export function readConfig(path: string): Qwen3MoeConfig {
  const json = readJson(path);
  const rope = (json.rope_parameters ?? {}) as Json;
  const number = (key: string, value: unknown = json[key]): number => {
    if (typeof value === 'number') return value;
    throw new Error(`${path}: ${key} is ${JSON.stringify(value) ?? 'missing'}; a number is needed`);
  };
  const optional = (key: string) => (typeof json[key] === 'number' ? (json[key] as number) : undefined);
  refuseUnsupported(path, json, rope);
  return {
    layers: number('num_hidden_layers'),
    width: number('hidden_size'),
    feedForwardWidth: number('intermediate_size'),
    contextLength: number('max_position_embeddings'),
    heads: number('num_attention_heads'),
    keyValueHeads: number('num_key_value_heads'),
    headWidth: optional('head_dim') ?? number('hidden_size') / number('num_attention_heads'),
    normEpsilon: number('rms_norm_eps'),
    // transformers 5 moved the RoPE settings into an object and renamed the expert count.
    ropeBase: number('rope_theta', rope.rope_theta ?? json.rope_theta),
    experts: number('num_experts', json.num_experts ?? json.num_local_experts),
    expertsUsed: number('num_experts_per_tok'),
    expertWidth: number('moe_intermediate_size'),
    vocabulary: number('vocab_size'),
    tiedEmbeddings: json.tie_word_embeddings === true,
    beginToken: optional('bos_token_id'),
    endToken: optional('eos_token_id'),
    paddingToken: optional('pad_token_id'),
  };
}

function refuseUnsupported(path: string, json: Json, rope: Json): void {
  if (json.model_type !== 'qwen3_moe') {
    throw new Error(`${path}: model_type is ${JSON.stringify(json.model_type)}; this converter reads qwen3_moe only`);
  }
  const scaling = json.rope_scaling as Json | null | undefined;
  const unsupported: [string, boolean][] = [
    ['mlp_only_layers', Array.isArray(json.mlp_only_layers) && json.mlp_only_layers.length > 0],
    ['decoder_sparse_step', (json.decoder_sparse_step ?? 1) !== 1],
    ['attention_bias', json.attention_bias === true],
    ['norm_topk_prob', json.norm_topk_prob !== true],
    ['use_sliding_window', json.use_sliding_window === true],
    ['rope_scaling', scaling !== null && scaling !== undefined],
    ['rope_parameters', (rope.rope_type ?? 'default') !== 'default'],
  ];
  const [found] = unsupported.find(([, asked]) => asked) ?? [];
  if (found) {
    throw new Error(
      `${path}: ${found} is ${JSON.stringify(json[found])}, which this converter cannot write as qwen3moe`,
    );
  }
}

/**
 * Reads a file that must hold a JSON object.
 *
 * @throws Error naming the file.
 */
export function readJson(path: string): Json {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Error(`${path}: cannot be read; the folder needs config.json, tokenizer.json and model.safetensors`, {
      cause,
    });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  } catch {
    // Told below.
  }
  throw new Error(`${path}: not a JSON object`);
}
