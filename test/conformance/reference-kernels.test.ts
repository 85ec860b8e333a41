import { describe, expect, it } from 'vitest';
import { floatFixtures, quantisedFixtures } from '../support/conformance.js';
import { load } from '../support/models.js';
import { deviationFrom, readReference } from '../support/reference.js';

// The reference kernels compute in float32 on dequantised weights, as Hugging Face transformers did for the fixtures.
describe('the reference kernels compute what Hugging Face transformers does in float32', () => {
  it.each([...floatFixtures, ...quantisedFixtures])('$name', async ({ model, reference }) => {
    const deviation = await deviationFrom(readReference(reference), await load(model, { cpu: 'reference' }));

    expect(deviation.logits).toBeLessThan(1e-3);
    expect(deviation.gateWeights).toBeLessThan(1e-4);
    expect(deviation.wrongExperts).toEqual([]);
    expect(deviation.wrongContinuations).toEqual([]);
  });
});
