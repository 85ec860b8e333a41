import type { TensorSource } from '../gguf/gguf-writer.js';
import { quantize } from '../gguf/quantize.js';
import type { Safetensors } from '../gguf/safetensors.js';
import type { TensorType } from '../gguf/tensor-types.js';
import type { Qwen3MoeConfig } from './config.js';

/**
 * The GGUF tensors of a Qwen3-MoE model, as llama.cpp's converter names and types them: each layer's experts stacked in
 * one tensor per projection, norms and router in F32.
 *
 * @param type for everything else
 * @throws Error naming the first tensor that is missing or whose shape is not what config.json says.
 */
export function qwen3MoeTensors(file: Safetensors, config: Qwen3MoeConfig, type: TensorType): TensorSource[] {
  const { width, heads, keyValueHeads, headWidth, experts, vocabulary } = config;
  const matrix = (name: string, source: string, rows: number, columns: number, as: TensorType = type) =>
    whole(file, name, source, [rows, columns], as);
  const norm = (name: string, source: string, length: number) => whole(file, name, source, [length], 'F32');

  const layer = (index: number): TensorSource[] => {
    const to = `blk.${index}`;
    const from = `model.layers.${index}`;
    return [
      norm(`${to}.attn_norm.weight`, `${from}.input_layernorm.weight`, width),
      matrix(`${to}.attn_q.weight`, `${from}.self_attn.q_proj.weight`, heads * headWidth, width),
      matrix(`${to}.attn_k.weight`, `${from}.self_attn.k_proj.weight`, keyValueHeads * headWidth, width),
      matrix(`${to}.attn_v.weight`, `${from}.self_attn.v_proj.weight`, keyValueHeads * headWidth, width),
      matrix(`${to}.attn_output.weight`, `${from}.self_attn.o_proj.weight`, width, heads * headWidth),
      norm(`${to}.attn_q_norm.weight`, `${from}.self_attn.q_norm.weight`, headWidth),
      norm(`${to}.attn_k_norm.weight`, `${from}.self_attn.k_norm.weight`, headWidth),
      norm(`${to}.ffn_norm.weight`, `${from}.post_attention_layernorm.weight`, width),
      matrix(`${to}.ffn_gate_inp.weight`, `${from}.mlp.gate.weight`, experts, width, 'F32'),
      ...expertTensors(file, config, type, to, `${from}.mlp.experts`),
    ];
  };
  return [
    matrix('token_embd.weight', 'model.embed_tokens.weight', vocabulary, width),
    ...Array.from({ length: config.layers }, (_, index) => layer(index)).flat(),
    norm('output_norm.weight', 'model.norm.weight', width),
    // Tied embeddings: the reader of the GGUF uses token_embd.weight for the output too.
    ...(config.tiedEmbeddings ? [] : [matrix('output.weight', 'lm_head.weight', vocabulary, width)]),
  ];
}

function whole(file: Safetensors, name: string, source: string, shape: number[], type: TensorType): TensorSource {
  requireShape(file, source, shape);
  return { name, type, dimensions: [...shape].reverse(), data: () => [quantize(type, file.read(source))] };
}

/** Two layouts exist: a tensor per expert (files of transformers 4), or all experts in one, gate and up joined (5). */
function expertTensors(
  file: Safetensors,
  { width, experts, expertWidth }: Qwen3MoeConfig,
  type: TensorType,
  to: string,
  from: string,
): TensorSource[] {
  const fused = file.has(`${from}.gate_up_proj`);
  if (fused) {
    requireShape(file, `${from}.gate_up_proj`, [experts, 2 * expertWidth, width]);
    requireShape(file, `${from}.down_proj`, [experts, width, expertWidth]);
  }
  const readFused = (projection: string, expert: number): Float32Array => {
    if (projection === 'down') return file.read(`${from}.down_proj`, expert);
    const joined = file.read(`${from}.gate_up_proj`, expert);
    const half = joined.length / 2;
    return projection === 'gate' ? joined.subarray(0, half) : joined.subarray(half);
  };
  const stack = (projection: 'gate' | 'up' | 'down', rows: number, columns: number): TensorSource => {
    const nameOf = (expert: number) => `${from}.${expert}.${projection}_proj.weight`;
    if (!fused) for (let expert = 0; expert < experts; expert++) requireShape(file, nameOf(expert), [rows, columns]);
    const read = (expert: number) => (fused ? readFused(projection, expert) : file.read(nameOf(expert)));
    return {
      name: `${to}.ffn_${projection}_exps.weight`,
      type,
      dimensions: [columns, rows, experts],
      data: function* () {
        for (let expert = 0; expert < experts; expert++) yield quantize(type, read(expert));
      },
    };
  };
  return [stack('gate', expertWidth, width), stack('up', expertWidth, width), stack('down', width, expertWidth)];
}

function requireShape(file: Safetensors, name: string, expected: number[]): void {
  const found = file.shape(name);
  if (found.join() !== expected.join()) {
    throw new Error(`tensor ${name} has shape [${found.join(', ')}], but config.json says [${expected.join(', ')}]`);
  }
}
