import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf } from '@huggingface/gguf';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { fromHalf, toHalf } from '../../lib/half-precision.js';
import { convertQwen3Moe } from '../../models/hugging-face/qwen3moe.js';
import { type Tensors, tinyConfig, tinyTensors, tinyTokenizer, writeSafetensors } from './tiny-model.js';

const folder = mkdtempSync(join(tmpdir(), 'moeflow-convert-'));
const output = join(folder, 'out.gguf');
afterAll(() => rmSync(folder, { recursive: true }));

function write(config: object, tokenizer: object, tensors: Tensors): void {
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
}

beforeEach(() => write(tinyConfig, tinyTokenizer, tinyTensors('apart')));

/** Values of an F16 or F32 tensor, by an independent reader's account of where it is. */
async function readTensor(path: string, name: string): Promise<number[]> {
  const { tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true });
  const info = tensorInfos.find((tensor) => tensor.name === name);
  if (!info) throw new Error(`no tensor ${name}`);
  const count = info.shape.reduce((product, size) => product * Number(size), 1);
  const data = readFileSync(path).subarray(Number(tensorDataOffset + info.offset));
  return Array.from({ length: count }, (_, index) =>
    info.dtype === 0 ? data.readFloatLE(index * 4) : fromHalf(data.readUInt16LE(index * 2)),
  );
}

describe('convertQwen3Moe', () => {
  it("writes the metadata that llama.cpp's converter writes for this architecture", async () => {
    await convertQwen3Moe(folder, output, 'F16', 'tiny');
    const { metadata } = await gguf(output, { allowLocalFile: true });
    expect(metadata).toMatchObject({
      'general.architecture': 'qwen3moe',
      'general.name': 'tiny',
      'general.file_type': 1,
      'qwen3moe.block_count': 2,
      'qwen3moe.context_length': 128,
      'qwen3moe.embedding_length': 64,
      'qwen3moe.feed_forward_length': 96,
      'qwen3moe.attention.head_count': 4,
      'qwen3moe.attention.head_count_kv': 2,
      'qwen3moe.attention.key_length': 32,
      'qwen3moe.attention.value_length': 32,
      'qwen3moe.rope.freq_base': 50000,
      'qwen3moe.expert_count': 3,
      'qwen3moe.expert_used_count': 2,
      'qwen3moe.expert_feed_forward_length': 32,
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'qwen2',
      'tokenizer.ggml.tokens': ['a', 'b', 'ab', '<|endoftext|>', '[PAD4]'],
      'tokenizer.ggml.token_type': [1, 1, 1, 3, 5],
      'tokenizer.ggml.merges': ['a b'],
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.eos_token_id': 3,
    });
    expect(metadata).toHaveProperty(['qwen3moe.attention.layer_norm_rms_epsilon'], Math.fround(1e-6));
  });

  it('stacks the experts in order and keeps routers and norms in F32', async () => {
    await convertQwen3Moe(folder, output, 'F16');
    const { tensorInfos } = await gguf(output, { allowLocalFile: true });
    const shapes = Object.fromEntries(
      tensorInfos.map(({ name, shape, dtype }) => [name, `${dtype}: ${shape.join(' x ')}`]),
    );
    expect(tensorInfos).toHaveLength(2 + 2 * 12);
    expect(shapes).toMatchObject({
      'token_embd.weight': '1: 64 x 5',
      'output_norm.weight': '0: 64',
      'blk.1.attn_q.weight': '1: 64 x 128',
      'blk.1.attn_k.weight': '1: 64 x 64',
      'blk.1.attn_output.weight': '1: 128 x 64',
      'blk.1.attn_q_norm.weight': '0: 32',
      'blk.1.ffn_gate_inp.weight': '0: 64 x 3',
      'blk.1.ffn_gate_exps.weight': '1: 64 x 32 x 3',
      'blk.1.ffn_down_exps.weight': '1: 32 x 64 x 3',
    });
    const source = tinyTensors('apart');
    const experts = [0, 1, 2].flatMap(
      (expert) => source[`model.layers.1.mlp.experts.${expert}.up_proj.weight`]?.values ?? [],
    );
    expect(await readTensor(output, 'blk.1.ffn_up_exps.weight')).toEqual(
      experts.map((value) => fromHalf(toHalf(value))),
    );
    expect(await readTensor(output, 'blk.1.ffn_gate_inp.weight')).toEqual(
      source['model.layers.1.mlp.gate.weight']?.values,
    );
  });

  it('makes the same file from fused experts', async () => {
    await convertQwen3Moe(folder, output, 'Q8_0', 'tiny');
    const apart = readFileSync(output);
    write(tinyConfig, tinyTokenizer, tinyTensors('fused'));
    await convertQwen3Moe(folder, output, 'Q8_0', 'tiny');
    expect(readFileSync(output).equals(apart)).toBe(true);
  });

  it('writes the output matrix unless embeddings are tied', async () => {
    const tensors = tinyTensors('apart');
    tensors['lm_head.weight'] = tensors['model.embed_tokens.weight'] as Tensors[string];
    write({ ...tinyConfig, tie_word_embeddings: false }, tinyTokenizer, tensors);
    await convertQwen3Moe(folder, output, 'F16');
    expect(await readTensor(output, 'output.weight')).toEqual(await readTensor(output, 'token_embd.weight'));
  });

  it('says that a begin token is added when the template adds one', async () => {
    const single = [{ SpecialToken: { id: '<|endoftext|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
    write(
      tinyConfig,
      { ...tinyTokenizer, post_processor: { type: 'TemplateProcessing', single } },
      tinyTensors('apart'),
    );
    await convertQwen3Moe(folder, output, 'F16');
    const { metadata } = await gguf(output, { allowLocalFile: true });
    expect(metadata).toHaveProperty(['tokenizer.ggml.add_bos_token'], true);
  });

  it.each<[string, object, RegExp]>([
    ['another architecture', { model_type: 'llama' }, /config\.json: model_type is "llama".*qwen3_moe only/],
    ['layers without experts', { mlp_only_layers: [1] }, /config\.json: mlp_only_layers is \[1\]/],
    ['router weights that are not normalised', { norm_topk_prob: false }, /norm_topk_prob is false/],
    ['a missing size', { hidden_size: undefined }, /config\.json: hidden_size is missing/],
    [
      'a shape that is not the file’s',
      { moe_intermediate_size: 64 },
      /experts\.0\.gate_proj\.weight has shape \[32, 64\].*\[64, 64\]/,
    ],
    [
      'more layers than the file has',
      { num_hidden_layers: 3 },
      /tensor model\.layers\.2\.input_layernorm\.weight is missing/,
    ],
    ['rows that are not whole blocks', {}, /token_embd\.weight: a row has 64 values, but Q4_K.*256/],
  ])('refuses %s and names it', async (_, change, message) => {
    write({ ...tinyConfig, ...change }, tinyTokenizer, tinyTensors('apart'));
    await expect(convertQwen3Moe(folder, output, 'Q4_K')).rejects.toThrow(message);
  });

  it('refuses another pre-tokenizer, whose splits GGUF would not follow', async () => {
    write(tinyConfig, { ...tinyTokenizer, pre_tokenizer: { type: 'ByteLevel' } }, tinyTensors('apart'));
    await expect(convertQwen3Moe(folder, output, 'F16')).rejects.toThrow(
      /tokenizer\.json: the pre-tokenizer is not Qwen2/,
    );
  });

  it.each<[string, (file: Buffer) => Buffer, RegExp]>([
    ['cut off', (file) => file.subarray(0, -10), /ends at byte \d+ of a file of \d+; truncated\?/],
    [
      'cut in its header',
      (file) => file.subarray(0, 100),
      /header of \d+ bytes in a file of 100; truncated, or not safetensors/,
    ],
    ['something else', () => Buffer.from('\u0004\0\0\0\0\0\0\0oops more'), /the header is not JSON/],
    ['empty', () => Buffer.alloc(0), /0 bytes are too few/],
  ])('refuses a safetensors file that is %s', async (_, damage, message) => {
    const path = join(folder, 'model.safetensors');
    writeFileSync(path, damage(readFileSync(path)));
    await expect(convertQwen3Moe(folder, output, 'F16')).rejects.toThrow(message);
  });
});
