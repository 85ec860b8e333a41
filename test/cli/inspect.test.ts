import { gguf } from '@huggingface/gguf';
import { describe, expect, it } from 'vitest';
import { demoModel, fixture } from '../support/fixtures.js';
import { moeflow } from './command.js';

describe('the demo model', () => {
  it('is described as one JSON object, its tensors as another reader counts them', async () => {
    const { code, output, errors } = await moeflow(['inspect', demoModel, '--json']);
    expect([code, errors]).toEqual([0, '']);
    const report = JSON.parse(output);
    // models/demo/README.md
    expect(report).toMatchObject({
      architecture: 'qwen3moe',
      runs: true,
      model: { layers: 8, expertLayers: 8, expertsPerLayer: 32, expertsUsed: 4, contextLength: 2048 },
      tokenizer: { model: 'gpt2', pre: 'qwen2', vocabulary: 4096 },
      shards: [demoModel],
    });
    const { tensorInfos } = await gguf(demoModel, { allowLocalFile: true });
    expect(report.tensors.count).toBe(tensorInfos.length);
    // Three matrices of 256 x 128 in blocks of 32 values and 34 bytes.
    const expertBytes = ((3 * 256 * 128) / 32) * 34;
    expect(report.model).toMatchObject({
      smallestExpertBytes: expertBytes,
      largestExpertBytes: expertBytes,
      expertBytes: expertBytes * 8 * 32,
    });
    // Keys and values of 8 layers, 2 heads of 64, for 1,024 tokens.
    const cached = 2 * 8 * 2 * 64 * 1024;
    expect(report.model.kvBytesPer1kContext).toEqual({ f16: 2 * cached, f32: 4 * cached });
    const types = Object.values(report.tensors.types) as { count: number; bytes: number; share: number }[];
    const sum = (key: 'count' | 'bytes' | 'share') => types.reduce((total, type) => total + type[key], 0);
    expect([sum('count'), sum('bytes')]).toEqual([report.tensors.count, report.tensors.bytes]);
    expect(sum('share')).toBeCloseTo(1, 10);
  });

  it('is described for people', async () => {
    const { output } = await moeflow(['inspect', demoModel]);
    expect(output).toMatch(/^experts +32 per layer, 4 used per token$/m);
    expect(output).toMatch(/^one expert +102 KiB$/m);
    expect(output).toMatch(/^Q8_0 +57 +28\.2 MiB +99\.0 %$/m);
    expect(output).not.toContain('cannot run');
  });
});

describe('other files', () => {
  it('shows all shards, whichever is named', async () => {
    const { output } = await moeflow(['inspect', fixture('bad/shards-good/model-00002-of-00003.gguf'), '--json']);
    const { shards } = JSON.parse(output) as { shards: string[] };
    expect(shards.map((path) => path.slice(-20))).toEqual(
      [1, 2, 3].map((index) => `model-0000${index}-of-00003.gguf`.slice(-20)),
    );
  });

  it('shows the tensors of a sound file that moeflow cannot run, and why', async () => {
    const path = fixture('bad/missing-expert-count.gguf');
    const [json, text] = await Promise.all([moeflow(['inspect', path, '--json']), moeflow(['inspect', path])]);
    expect(json.code).toBe(0);
    const report = JSON.parse(json.output);
    expect(report).toMatchObject({ architecture: 'qwen3moe', runs: false, tensors: { count: 14 } });
    expect(report.problem).toContain('qwen3moe.expert_count');
    expect(report.model).toBeUndefined();
    expect(text.output).toMatch(/^moeflow cannot run this file: .*qwen3moe\.expert_count/m);
  });
});
