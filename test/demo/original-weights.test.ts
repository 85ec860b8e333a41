import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel, type Model } from '../../lib/index.js';
import { convertQwen3Moe } from '../../models/hugging-face/qwen3moe.js';
import { heldOutNll, original } from '../support/demo.js';

const folder = process.env.MOEFLOW_DEMO_SAFETENSORS;

describe('the demo model with its original float16 weights', () => {
  if (!folder) {
    it('is not tested: set MOEFLOW_DEMO_SAFETENSORS to the folder that holds them', () => {
      console.warn('MOEFLOW_DEMO_SAFETENSORS is not set: the demo model is tested in Q8_0 only.');
    });
    return;
  }
  const scratch = mkdtempSync(join(tmpdir(), 'moeflow-demo-'));
  let model: Model;
  beforeAll(async () => {
    const path = join(scratch, 'demo-f16.gguf');
    await convertQwen3Moe(folder, path, 'F16');
    model = await loadModel(path, { threads: 2, contextLength: original.window });
  });
  afterAll(async () => {
    await model.dispose();
    rmSync(scratch, { recursive: true });
  });

  it.each(Object.entries(original.greedy))('goes on after %j as Hugging Face does', async (_, expected) => {
    const { tokens, text } = await model.generate(expected.prompt_ids, { maxTokens: 40 }).result;

    expect({ tokens, text }).toEqual({ tokens: expected.ids, text: expected.text });
  });

  it.each(Object.entries(original.nll))('predicts %s exactly as well', async (domain, expected) => {
    expect(await heldOutNll(model, domain)).toBeCloseTo(expected, 4);
  });
});
