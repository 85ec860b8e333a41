import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inspectModel, loadModel, MoeflowError } from '../../lib/index.js';
import { nativeAddon } from '../../lib/native/addon.js';
import { fixture } from '../support/fixtures.js';
import { load } from '../support/models.js';

const query = 'tensor blk.0.attn_q.weight';
const down = 'tensor blk.0.ffn_down_exps.weight';

/** What the message must say: what a good loader tells, by `say` of bad/expect.json. */
const messages: Record<string, [code: string, ...parts: string[]]> = {
  'truncated-0.gguf': ['INVALID_FILE', 'truncated', 'an empty file'],
  'truncated-1.gguf': ['INVALID_FILE', 'truncated', 'magic', 'has 3 bytes'],
  'truncated-2.gguf': ['INVALID_FILE', 'truncated', 'version', 'has 6 bytes'],
  'truncated-3.gguf': ['INVALID_FILE', 'truncated', 'count', '19 bytes'],
  'truncated-4.gguf': ['INVALID_FILE', 'truncated', '37 bytes'],
  'truncated-5.gguf': ['INVALID_FILE', 'truncated', 'array tokenizer.ggml.tokens', 'has 1128 bytes'],
  'truncated-6.gguf': ['INVALID_FILE', 'truncated', 'tensor blk.0.ffn_norm.weight', 'has 12462 bytes'],
  'truncated-7.gguf': ['INVALID_FILE', 'truncated', 'has 12896 bytes, needs 45216'],
  'truncated-8.gguf': ['INVALID_FILE', 'truncated', 'has 29056 bytes, needs 45216'],
  'truncated-9.gguf': ['INVALID_FILE', 'truncated', 'has 45215 bytes, needs 45216'],
  'magic.gguf': ['INVALID_FILE', 'not a GGUF file', 'GGUX'],
  'magic-ggml.gguf': ['UNSUPPORTED', 'an old GGML file', 'convert'],
  'version-1.gguf': ['UNSUPPORTED', 'version 1 is not supported'],
  'version-99.gguf': ['UNSUPPORTED', 'version 99 is not supported'],
  'big-endian.gguf': ['UNSUPPORTED', '0x03000000', 'big-endian'],
  'tensor-count.gguf': ['INVALID_FILE', 'tensor count 1152921504606846976 cannot fit'],
  'kv-count.gguf': ['INVALID_FILE', 'metadata count 1152921504606846976 cannot fit'],
  'key-length.gguf': ['INVALID_FILE', 'string of length 1152921504606846976', 'runs past the end of the file'],
  'array-length.gguf': [
    'INVALID_FILE',
    'array tokenizer.ggml.tokens',
    '1152921504606846976',
    'runs past the end of the file',
  ],
  'array-type.gguf': ['INVALID_FILE', 'array tokenizer.ggml.tokens: unknown element type 99'],
  'value-type.gguf': ['INVALID_FILE', 'key general.architecture: unknown value type 77'],
  'duplicate-key.gguf': ['INVALID_FILE', 'key qwen3moe.block_count appears twice'],
  'offset-beyond.gguf': ['INVALID_FILE', query, 'lies beyond the end of the file'],
  'offset-overflow.gguf': ['INVALID_FILE', query, 'overflows'],
  'offset-unaligned.gguf': ['INVALID_FILE', query, 'offset 7 is not a multiple of the alignment 32'],
  'overlap.gguf': ['INVALID_FILE', query, 'overlaps'],
  'dims-overflow.gguf': ['INVALID_FILE', query, 'dimensions overflow'],
  'dims-zero.gguf': ['INVALID_FILE', query, 'a dimension is 0'],
  'dims-five.gguf': ['INVALID_FILE', query, '5 dimensions'],
  'type-unknown.gguf': ['UNSUPPORTED', query, 'type 999'],
  'type-removed.gguf': ['UNSUPPORTED', query, 'type 4 (Q4_2', 'removed from the format'],
  'row-not-block.gguf': ['INVALID_FILE', query, "row of 16 values is not a multiple of Q4_K's 256"],
  'alignment-0.gguf': ['INVALID_FILE', 'general.alignment must be a power of two, is 0'],
  'alignment-3.gguf': ['INVALID_FILE', 'general.alignment must be a power of two, is 3'],
  'duplicate-tensor.gguf': ['INVALID_FILE', query, 'appears twice'],
  'no-architecture.gguf': ['INVALID_FILE', 'missing key general.architecture'],
  'architecture.gguf': ['UNSUPPORTED', 'architecture nosuchmoe is not supported', 'qwen3moe', 'gpt-oss'],
  'missing-block-count.gguf': ['INVALID_FILE', 'missing key qwen3moe.block_count'],
  'missing-embedding-length.gguf': ['INVALID_FILE', 'missing key qwen3moe.embedding_length'],
  'missing-head-count.gguf': ['INVALID_FILE', 'missing key qwen3moe.attention.head_count'],
  'missing-layer-norm-rms-epsilon.gguf': ['INVALID_FILE', 'missing key qwen3moe.attention.layer_norm_rms_epsilon'],
  'missing-expert-count.gguf': ['INVALID_FILE', 'missing key qwen3moe.expert_count'],
  'missing-expert-used-count.gguf': ['INVALID_FILE', 'missing key qwen3moe.expert_used_count'],
  'key-wrong-type.gguf': ['INVALID_FILE', 'key qwen3moe.block_count must be an integer, is a string'],
  'experts-used.gguf': ['INVALID_FILE', 'expert_used_count 5 is more than expert_count 4'],
  'experts-used-0.gguf': ['INVALID_FILE', 'expert_used_count is 0'],
  'block-count.gguf': ['INVALID_FILE', 'blk.1.attn_norm.weight'],
  'heads-0.gguf': ['INVALID_FILE', 'head_count is 0'],
  'expert-tensor-missing.gguf': ['INVALID_FILE', 'missing tensor blk.0.ffn_up_exps.weight'],
  'expert-count-shape.gguf': ['INVALID_FILE', down, 'has 3 experts, expected 4'],
  'expert-transposed.gguf': ['INVALID_FILE', down, 'shape [16, 32, 4], expected [32, 16, 4]'],
  'router-shape.gguf': ['INVALID_FILE', 'tensor blk.0.ffn_gate_inp.weight', 'shape [16, 3], expected [16, 4]'],
  'vocab-mismatch.gguf': ['INVALID_FILE', 'token_embd.weight has 500 rows, the tokenizer has 512 tokens'],
  'shard-missing/model-00001-of-00003.gguf': ['INVALID_FILE', 'shard 2 of 3 is missing', 'model-00002-of-00003.gguf'],
  'shard-foreign/model-00001-of-00003.gguf': [
    'INVALID_FILE',
    'model-00003-of-00003.gguf',
    'blk.0.ffn_down_exps.weight has 8 experts, expected 4',
  ],
  'shard-twice/model-00001-of-00003.gguf': ['INVALID_FILE', 'shard 2 says split.no 2, expected 1'],
  'shard-truncated/model-00001-of-00003.gguf': ['INVALID_FILE', 'model-00003-of-00003.gguf', 'truncated'],
  'shard-count/model-00001-of-00003.gguf': ['INVALID_FILE', 'split.count 4, the file name says 3'],
  'shard-total/model-00001-of-00003.gguf': ['INVALID_FILE', 'hold 14 tensors', 'split.tensors.count', 'says 15'],
};

const bad = (file: string) => fixture(`bad/${file}`);
const cases = JSON.parse(readFileSync(bad('expect.json'), 'utf8')) as { file: string; ok: boolean }[];
/** Every shard opens its model, so this file of the collection, written for stricter loaders, is good here. */
const byItsSecondShard = 'shards-good/model-00002-of-00003.gguf';

describe('a damaged file is refused with an error that says what is wrong', () => {
  it('covers every damaged file of the collection', () => {
    const damaged = cases.filter(({ file, ok }) => !ok && file !== byItsSecondShard).map(({ file }) => file);
    expect(Object.keys(messages).sort()).toEqual(damaged.sort());
  });

  it.each(Object.entries(messages))('%s', async (file, [code, ...parts]) => {
    const residentBefore = nativeAddon().residentBytes();

    const error = await loadModel(bad(file)).then(
      () => undefined,
      (reason: unknown) => reason,
    );

    expect(error).toBeInstanceOf(MoeflowError);
    expect(error).toMatchObject({ code });
    for (const part of parts) expect((error as Error).message).toContain(part);
    expect((error as Error).message).toContain(file.split('/')[0]);
    // A count of 2^60 in the header must not be believed.
    expect(nativeAddon().residentBytes() - residentBefore).toBeLessThan(64 << 20);
  });

  it.each(['good.gguf', 'shards-good/model-00001-of-00003.gguf', byItsSecondShard])('but %s loads', async (file) => {
    const { logits } = await (await load(bad(file))).evaluate([1, 2, 3]);

    expect(logits.every(Number.isFinite)).toBe(true);
  });

  it('a file that is not there, and a folder without models', async () => {
    await expect(loadModel(bad('nothing.gguf'))).rejects.toMatchObject({ code: 'IO' });
    await expect(loadModel(bad('nothing.gguf'))).rejects.toThrow('nothing.gguf');
    await expect(loadModel(fixture('vectors'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.runIf(process.platform === 'linux')('and leaves no thread behind', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    await loadModel(bad('magic.gguf')).catch(() => {});
    const before = threads();

    for (let round = 0; round < 20; round++) await loadModel(bad('router-shape.gguf')).catch(() => {});

    expect(threads()).toBeLessThanOrEqual(before);
  });
});

describe('inspecting a damaged file', () => {
  it('refuses what is no sound GGUF file', async () => {
    await expect(inspectModel(bad('overlap.gguf'))).rejects.toMatchObject({ code: 'INVALID_FILE' });
    await expect(inspectModel(bad('magic-ggml.gguf'))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('shows a sound file that moeflow cannot run, and why it cannot', async () => {
    const inspection = await inspectModel(bad('architecture.gguf'));

    expect(inspection.metadata['general.architecture']).toBe('nosuchmoe');
    expect(inspection.tensors.length).toBeGreaterThan(0);
    expect(inspection.model).toBeUndefined();
    expect(inspection.problem).toContain('nosuchmoe');
  });
});
