import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GGMLQuantizationType, gguf } from '@huggingface/gguf';
import { afterAll, describe, expect, it } from 'vitest';
import { type TensorSource, writeGguf } from '../../models/gguf/gguf-writer.js';
import { bool, float32, int32s, string, strings, uint32 } from '../../models/gguf/metadata.js';

const folder = mkdtempSync(join(tmpdir(), 'moeflow-writer-'));
afterAll(() => rmSync(folder, { recursive: true }));

const metadata = new Map([
  ['general.architecture', string('qwen3moe')],
  ['general.name', string('Grüße, 世界')],
  ['qwen3moe.block_count', uint32(3)],
  ['qwen3moe.rope.freq_base', float32(1e6)],
  ['tokenizer.ggml.add_bos_token', bool(false)],
  ['tokenizer.ggml.tokens', strings(['a', 'Ġb', ''])],
  ['tokenizer.ggml.token_type', int32s([1, 3, 1])],
  ['test.big', { type: 'uint64', value: 2n ** 40n } as const],
]);

function tensor(name: string, type: TensorSource['type'], dimensions: number[], pieces: Uint8Array[]): TensorSource {
  return { name, type, dimensions, data: () => pieces };
}

const tensors = [
  tensor('token_embd.weight', 'F16', [4, 3], [Uint8Array.of(1, 2, 3, 4, 5), new Uint8Array(19).fill(6)]),
  tensor('blk.0.ffn_gate_exps.weight', 'Q8_0', [64, 2, 2], [new Uint8Array(68 * 4).fill(7)]),
  tensor('output_norm.weight', 'F32', [4], [new Uint8Array(16).fill(8)]),
];

describe('writeGguf', () => {
  it.each([32, 256])('writes what an independent reader reads back, aligned to %i bytes', async (alignment) => {
    const path = join(folder, `aligned-${alignment}.gguf`);
    const size = await writeGguf(path, { metadata, tensors, alignment });
    const read = await gguf(path, { allowLocalFile: true });
    expect(read.metadata).toMatchObject({
      version: 3,
      tensor_count: 3n,
      'general.name': 'Grüße, 世界',
      'qwen3moe.block_count': 3,
      'qwen3moe.rope.freq_base': 1e6,
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.tokens': ['a', 'Ġb', ''],
      'tokenizer.ggml.token_type': [1, 3, 1],
      'test.big': 2n ** 40n,
    });
    expect(read.tensorInfos.map(({ name, shape, dtype }) => ({ name, shape, dtype }))).toEqual([
      { name: 'token_embd.weight', shape: [4n, 3n], dtype: GGMLQuantizationType.F16 },
      { name: 'blk.0.ffn_gate_exps.weight', shape: [64n, 2n, 2n], dtype: GGMLQuantizationType.Q8_0 },
      { name: 'output_norm.weight', shape: [4n], dtype: GGMLQuantizationType.F32 },
    ]);
    const file = readFileSync(path);
    expect(file.length).toBe(size);
    expect(Number(read.tensorDataOffset) % alignment).toBe(0);
    const contents = read.tensorInfos.map(({ offset }, index) => {
      expect(Number(offset) % alignment).toBe(0);
      const start = Number(read.tensorDataOffset) + Number(offset);
      return new Set(file.subarray(start, start + ([24, 272, 16][index] ?? 0)));
    });
    expect(contents).toEqual([new Set([1, 2, 3, 4, 5, 6]), new Set([7]), new Set([8])]);
  });

  it('asks for a tensor only when its turn comes, from asynchronous sources too', async () => {
    const order: string[] = [];
    async function* late(name: string) {
      order.push(`begin ${name}`);
      yield new Uint8Array(8);
      yield new Uint8Array(8);
      order.push(`end ${name}`);
    }
    const lazy = ['a', 'b'].map((name) => ({ name, type: 'F32', dimensions: [4], data: () => late(name) }) as const);
    await writeGguf(join(folder, 'lazy.gguf'), { metadata, tensors: lazy });
    expect(order).toEqual(['begin a', 'end a', 'begin b', 'end b']);
  });

  it('leaves no file behind when a tensor is short, and names it', async () => {
    const path = join(folder, 'short.gguf');
    const short = [tensor('blk.0.attn_q.weight', 'F16', [32, 2], [new Uint8Array(100)])];
    await expect(writeGguf(path, { metadata, tensors: short })).rejects.toThrow(
      /blk\.0\.attn_q\.weight: its source gave 100 bytes, but 32 x 2 in F16 takes 128/,
    );
    expect(existsSync(path) || existsSync(`${path}.part`)).toBe(false);
  });

  it.each([
    ['a row that is not whole blocks', [tensor('odd', 'Q4_K', [128], [])], metadata, /odd: a row has 128 values.*256/],
    ['a tensor given twice', [tensors[2], tensors[2]], metadata, /output_norm\.weight is given twice/],
    ['five dimensions', [tensor('five', 'F32', [1, 1, 1, 1, 1], [])], metadata, /five has 5 dimensions/],
    ['a value that its type cannot hold', [], new Map([['a.b', uint32(-1)]]), /metadata a\.b: .*out of range/],
    ['a fraction as an integer', [], new Map([['a.b', uint32(0.5)]]), /metadata a\.b: 0\.5 is not an integer/],
  ])('refuses %s', async (_, badTensors, badMetadata, message) => {
    const contents = { metadata: badMetadata, tensors: badTensors as TensorSource[] };
    await expect(writeGguf(join(folder, 'bad.gguf'), contents)).rejects.toThrow(message);
  });
});
