import { describe, expect, it } from 'vitest';
import { fastKernels, floatFixtures, quantisedFixtures } from '../support/conformance.js';
import { demoModel } from '../support/fixtures.js';
import { firstDifference, load } from '../support/models.js';
import { deviationFrom, readReference } from '../support/reference.js';

describe.each(fastKernels)('the %s kernels, on float weights, compute what Hugging Face transformers does', (cpu) => {
  it.each(floatFixtures)('$name', async ({ model, reference }) => {
    const deviation = await deviationFrom(readReference(reference), await load(model, { cpu }));

    expect(deviation.logits).toBeLessThan(1e-3);
    expect(deviation.gateWeights).toBeLessThan(1e-4);
    expect(deviation.wrongExperts).toEqual([]);
    expect(deviation.wrongContinuations).toEqual([]);
  });
});

describe('all fast kernel sets give the same bits', () => {
  const models = [{ name: 'the demo model', model: demoModel }, ...quantisedFixtures, ...floatFixtures.slice(0, 3)];

  it.each(models)('on $name', async ({ model }) => {
    const tokens = Int32Array.from({ length: 70 }, (_, i) => (i * 37 + 11) % 509);
    const results = [];
    for (const cpu of fastKernels) {
      const loaded = await load(model, { cpu });
      expect(loaded.info.cpu).toBe(cpu);
      results.push({ cpu, ...(await loaded.evaluate(tokens)) });
    }

    const [first, ...others] = results;
    for (const other of others) {
      expect(firstDifference(other.logits, first?.logits as Float32Array), other.cpu).toBeUndefined();
      expect(other.routing, other.cpu).toEqual(first?.routing);
    }
  });
});
