import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidFileError } from '../../lib/errors.js';
import { readPredictor } from '../../predictor/file/predictor-file.js';
import {
  type PaperPredictor,
  readPaperPredictor,
  roundedPaperWeights,
  writePaperPredictor,
} from '../../predictor/paper/file.js';
import { initialPaperWeights } from '../../predictor/paper/weights.js';

const shape = { width: 4, blocks: 1, heads: 2, headWidth: 3, inner: 5, layers: 2, experts: 4, expertsUsed: 2 };
const predictor: PaperPredictor = {
  model: 'made up',
  modelHash: 'abc',
  architecture: 'none',
  trainedTokens: 10,
  heldOutTokens: 5,
  recall: 0.5,
  recallOfTwice: 0.75,
  weights: initialPaperWeights(shape, Int32Array.of(2, 40, 100_000), 3),
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moeflow-paper-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the paper's predictor in a file", () => {
  test('comes back as it was, its weights rounded to half precision', async () => {
    const path = join(folder, 'whole.safetensors');
    await writePaperPredictor(path, { ...predictor, evaluation: 'not for the file' } as PaperPredictor);
    const read = await readPaperPredictor(path);
    expect(read).toEqual({ ...predictor, weights: roundedPaperWeights(predictor.weights) });
    const [ours, original] = [read.weights.arrays.head as Float32Array, predictor.weights.arrays.head as Float32Array];
    ours.forEach((value, i) => {
      expect(Math.abs(value - (original[i] as number))).toBeLessThanOrEqual(Math.abs(original[i] as number) / 2048);
    });
    expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('is refused with any byte of its arrays changed, cut short, or of the other kind', async () => {
    const path = join(folder, 'damaged.safetensors');
    await writePaperPredictor(path, predictor);
    const whole = await readFile(path);
    const begin = 8 + Number(whole.readBigUInt64LE());
    for (const at of [begin, Math.floor((begin + whole.length) / 2), whole.length - 1]) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      await writeFile(path, damaged);
      await expect(readPaperPredictor(path)).rejects.toThrow('checksum');
    }
    await writeFile(path, whole.subarray(0, -2));
    await expect(readPaperPredictor(path)).rejects.toThrow(InvalidFileError);
    const other = whole.toString('latin1').replace('\\"width\\":4', '\\"width\\":8');
    await writeFile(path, Buffer.from(other, 'latin1'));
    await expect(readPaperPredictor(path)).rejects.toThrow('the array table is not [4, 8] of F16');
    await writeFile(path, whole);
    await expect(readPredictor(path)).rejects.toThrow('kind');
    expect((await readPaperPredictor(path)).model).toBe('made up');
  });
});
