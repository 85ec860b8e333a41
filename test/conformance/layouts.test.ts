import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fastKernels } from '../support/conformance.js';
import { fixture } from '../support/fixtures.js';
import { firstDifference, load } from '../support/models.js';
import { deviationFrom, readReference } from '../support/reference.js';

const layouts = JSON.parse(readFileSync(fixture('layouts/expect.json'), 'utf8')) as {
  file: string;
  reference: string;
}[];
const path = (file: string) => fixture(`layouts/${file}`);
const tokens = Int32Array.from({ length: 40 }, (_, i) => (i * 53 + 7) % 512);

describe('every way of laying out the same weights is read', () => {
  it.each(layouts)('$file gives the logits of the reference', async ({ file, reference }) => {
    const model = await load(path(file), { cpu: 'reference' });

    const deviation = await deviationFrom(readReference(fixture(reference)), model);

    expect(deviation).toMatchObject({ wrongExperts: [], wrongContinuations: [] });
    expect(deviation.logits).toBeLessThan(1e-3);
  });

  const twinsOfPlain = layouts.filter(({ file, reference }) => reference === 'qwen3moe' && file !== 'plain.gguf');

  it.each(twinsOfPlain)('$file gives the bits of plain.gguf, by every kernel set', async ({ file }) => {
    for (const cpu of [...fastKernels, 'reference']) {
      const plain = await (await load(path('plain.gguf'), { cpu })).evaluate(tokens);
      const other = await (await load(path(file), { cpu })).evaluate(tokens);

      expect(firstDifference(other.logits, plain.logits), cpu).toBeUndefined();
      expect(other.routing).toEqual(plain.routing);
    }
  });

  it('one tensor per expert, as in files of 2023, gives the bits of stacked experts', async () => {
    const apart = await (await load(path('mixtral-per-expert.gguf'), { cpu: 'reference' })).evaluate(tokens);
    const stacked = await (await load(fixture('llama-mixtral/model.gguf'), { cpu: 'reference' })).evaluate(tokens);

    expect(firstDifference(apart.logits, stacked.logits)).toBeUndefined();
  });

  it('a prediction block at the end of the file is neither run nor counted', async () => {
    const model = await load(path('glm4moe-mtp-block.gguf'));

    expect(model.metadata['glm4moe.block_count']).toBe(model.info.layers + 1);
  });
});

describe('a split model', () => {
  const first = path('split/model-00001-of-00003.gguf');
  const all = [1, 2, 3].map((number) => first.replace('00001', `0000${number}`));
  const plain = async () => (await (await load(path('plain.gguf'))).evaluate(tokens)).logits;

  it.each([
    ['its first shard', first],
    ['its second shard', all[1] as string],
    ['its third shard', all[2] as string],
    ['its directory', dirname(first)],
    ['all its shards', all],
    ['all its shards in any order', [all[2], all[0], all[1]] as string[]],
  ])('is opened by %s', async (_, given) => {
    const model = await load(given);

    expect(model.info.paths.map((p) => basename(p))).toEqual(all.map((p) => basename(p)));
    expect(firstDifference((await model.evaluate(tokens)).logits, await plain())).toBeUndefined();
  });

  it('is refused by a directory with several models, which the message lists', async () => {
    const loading = load(join(fixture('layouts')));

    await expect(loading).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(loading).rejects.toThrow(/plain\.gguf/);
  });
});
