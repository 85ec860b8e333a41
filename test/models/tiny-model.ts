import { writeFileSync } from 'node:fs';

/** A Qwen3-MoE folder small enough to write in a test: 2 layers, width 64, 4 heads of 32, 3 experts of width 32. */
export const tinyConfig = {
  model_type: 'qwen3_moe',
  num_hidden_layers: 2,
  hidden_size: 64,
  intermediate_size: 96,
  max_position_embeddings: 128,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 32,
  rms_norm_eps: 1e-6,
  rope_parameters: { rope_theta: 50000, rope_type: 'default' },
  num_local_experts: 3,
  num_experts_per_tok: 2,
  moe_intermediate_size: 32,
  vocab_size: 5,
  norm_topk_prob: true,
  tie_word_embeddings: true,
  bos_token_id: 3,
  eos_token_id: 3,
  pad_token_id: null,
};

const qwen2Split =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

export const tinyTokenizer = {
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] },
  added_tokens: [{ id: 3, content: '<|endoftext|>', special: true }],
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [{ type: 'Split', pattern: { Regex: qwen2Split } }, { type: 'ByteLevel' }],
  },
  post_processor: { type: 'TemplateProcessing', single: [{ Sequence: { id: 'A', type_id: 0 } }] },
};

export type Tensors = Record<string, { shape: number[]; values: number[] }>;

/** Its tensors, with experts apart (transformers 4) or fused (transformers 5); the same values either way. */
export function tinyTensors(experts: 'apart' | 'fused'): Tensors {
  const tensors: Tensors = {};
  let seed = 0;
  const add = (name: string, shape: number[]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    // Sixteenths: exact in bfloat16, which the file stores.
    const values = Array.from({ length: count }, (_, index) => (((index * 7 + seed * 13) % 31) - 15) / 16);
    seed++;
    tensors[name] = { shape, values };
  };
  add('model.embed_tokens.weight', [5, 64]);
  add('model.norm.weight', [64]);
  for (const layer of [0, 1]) {
    const at = `model.layers.${layer}`;
    for (const norm of ['input_layernorm', 'post_attention_layernorm']) add(`${at}.${norm}.weight`, [64]);
    for (const norm of ['q_norm', 'k_norm']) add(`${at}.self_attn.${norm}.weight`, [32]);
    add(`${at}.self_attn.q_proj.weight`, [128, 64]);
    add(`${at}.self_attn.k_proj.weight`, [64, 64]);
    add(`${at}.self_attn.v_proj.weight`, [64, 64]);
    add(`${at}.self_attn.o_proj.weight`, [64, 128]);
    add(`${at}.mlp.gate.weight`, [3, 64]);
    for (const expert of [0, 1, 2]) {
      for (const projection of ['gate', 'up']) add(`${at}.mlp.experts.${expert}.${projection}_proj.weight`, [32, 64]);
      add(`${at}.mlp.experts.${expert}.down_proj.weight`, [64, 32]);
    }
    if (experts === 'fused') fuse(tensors, `${at}.mlp.experts`);
  }
  return tensors;
}

function fuse(tensors: Tensors, at: string): void {
  const take = (expert: number, projection: string): number[] => {
    const name = `${at}.${expert}.${projection}_proj.weight`;
    const values = tensors[name]?.values ?? [];
    delete tensors[name];
    return values;
  };
  const gateUp = [0, 1, 2].flatMap((expert) => [...take(expert, 'gate'), ...take(expert, 'up')]);
  const down = [0, 1, 2].flatMap((expert) => take(expert, 'down'));
  tensors[`${at}.gate_up_proj`] = { shape: [3, 64, 64], values: gateUp };
  tensors[`${at}.down_proj`] = { shape: [3, 64, 32], values: down };
}

/** A safetensors file in BF16, written from the format's description. */
export function writeSafetensors(path: string, tensors: Tensors): void {
  const header: Record<string, object> = { __metadata__: { format: 'pt' } };
  const data: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const bytes = Buffer.alloc(values.length * 2);
    values.forEach((value, index) => {
      const float = Buffer.alloc(4);
      float.writeFloatBE(value);
      bytes.writeUInt16LE(float.readUInt16BE(0), index * 2);
    });
    header[name] = { dtype: 'BF16', shape, data_offsets: [offset, offset + bytes.length] };
    data.push(bytes);
    offset += bytes.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([length, text, ...data]));
}
