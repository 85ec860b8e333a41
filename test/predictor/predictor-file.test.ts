import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { InvalidFileError } from '../../lib/index.js';
import { decodeSafeTensors, encodeSafeTensors } from '../../predictor/file/safetensors.js';
import { readPredictor, type TrainedPredictor, trainPredictor, writePredictor } from '../../predictor/index.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { ruledTrace, small } from './made-up-routes.js';

let trained: TrainedPredictor;
beforeAll(async () => {
  trained = await trainPredictor(ruledTrace(), { ...small, epochs: 1 });
});

async function written(): Promise<string> {
  const path = join(temporaryDirectory(), 'a.predictor');
  await writePredictor(path, trained);
  return path;
}

describe('the file of a predictor', () => {
  it('holds all that there is to it', async () => {
    const { backend: _, epochs: __, evaluation: ___, ...predictor } = trained;
    expect(await readPredictor(await written())).toEqual(predictor);
  });

  it('is safetensors: a length, a header in JSON, arrays', async () => {
    const bytes = readFileSync(await written());
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
    expect(header.output).toMatchObject({ dtype: 'F16', shape: [small.hidden, 48] });
    expect(header.table).toMatchObject({ dtype: 'U8', shape: [header.tableTokens.shape[0] + 1, 24] });
    expect(header.__metadata__).toMatchObject({ 'moeflow.predictor': expect.stringContaining('"route-path"') });
    const ends = Object.values(header as Record<string, { data_offsets?: number[] }>).map(
      (entry) => entry.data_offsets?.[1] ?? 0,
    );
    expect(8 + length + Math.max(...ends)).toBe(bytes.length);
  });

  it('is refused when a byte of it is another, or it is cut off, whichever', async () => {
    const path = await written();
    const bytes = readFileSync(path);
    const sound = JSON.stringify(await readPredictor(path));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, change, cut) => {
          const damaged = Buffer.from(cut ? bytes.subarray(0, at) : bytes);
          if (!cut) damaged[at] = (damaged[at] as number) ^ change;
          writeFileSync(path, damaged);
          try {
            // What no checksum covers, such as a space of the header, may change and mean the same.
            const read = await readPredictor(path);
            const { weights } = JSON.parse(sound);
            expect(JSON.parse(JSON.stringify(read.weights))).toEqual(weights);
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidFileError);
            expect((error as Error).message).toContain(path);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is told apart from other files', async () => {
    const path = join(temporaryDirectory(), 'other');
    writeFileSync(path, encodeSafeTensors({ metadata: {}, arrays: {} }));
    await expect(readPredictor(path)).rejects.toThrow(
      /no predictor of moeflow; train one with: moeflow predictor train/,
    );
    writeFileSync(path, 'GGUF and so on');
    await expect(readPredictor(path)).rejects.toThrow(InvalidFileError);
    writeFileSync(path, '');
    await expect(readPredictor(path)).rejects.toThrow(/0 bytes are no safetensors file/);
    await expect(readPredictor(join(path, 'x'))).rejects.toMatchObject({ code: 'IO' });
  });

  it('says which version it is, and another one is refused', async () => {
    const path = await written();
    const content = decodeSafeTensors(readFileSync(path), path);
    const description = JSON.parse(content.metadata['moeflow.predictor'] as string);
    const rewrite = (change: object) =>
      writeFileSync(
        path,
        encodeSafeTensors({
          ...content,
          metadata: { ...content.metadata, 'moeflow.predictor': JSON.stringify({ ...description, ...change }) },
        }),
      );
    rewrite({ version: 3 });
    await expect(readPredictor(path)).rejects.toThrow(/version 3 is newer/);
    // Those had one head, and no table.
    rewrite({ version: 1 });
    await expect(readPredictor(path)).rejects.toThrow(
      /version 1 is older.*train it again with: moeflow predictor train/,
    );
    rewrite({ hidden: small.hidden + 1 });
    await expect(readPredictor(path)).rejects.toThrow(/the array \w+ is not \[/);
    rewrite({ layers: undefined });
    await expect(readPredictor(path)).rejects.toThrow(/layers is missing/);
  });
});
