import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { besideModel } from '../../lib/model/find-predictor.js';
import { loadModel } from '../../lib/model/load.js';
import { below, uniforms } from '../../lib/random.js';
import { openTrace } from '../../lib/trace/open.js';
import { recordTrace } from '../../lib/trace/record.js';
import { writePredictor } from '../../predictor/file/predictor-file.js';
import { trainPredictor } from '../../predictor/train.js';

const sequences = 16;
const promptTokens = 16;

/**
 * The predictor beside the model; where there is none, one that is trained on what the model itself says to random prompts: a
 * model with random weights knows no other text.
 */
export async function predictorOf(file: string, vocabulary: number, generated: number): Promise<string> {
  const path = besideModel(file);
  if (existsSync(path)) return path;
  const folder = await mkdtemp(join(tmpdir(), 'moeflow-routes-'));
  try {
    const model = await loadModel(file, { predictor: 'none', contextLength: promptTokens + generated + 2 });
    try {
      const random = uniforms(2);
      const prompt = () => Int32Array.from({ length: promptTokens }, () => below(vocabulary, random));
      const texts = Array.from({ length: sequences }, prompt);
      await recordTrace(model, texts, folder, { maxTokens: generated, temperature: 0, ignoreEos: true });
    } finally {
      await model.dispose();
    }
    const trained = await trainPredictor(await openTrace([folder]));
    await writePredictor(path, trained);
    console.log(
      `${path}: trained on ${trained.trainedTokens} of the model's own tokens, recall ${trained.recall.toFixed(3)} of others`,
    );
    return path;
  } finally {
    await rm(folder, { recursive: true });
  }
}
