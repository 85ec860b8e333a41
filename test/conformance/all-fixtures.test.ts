import { describe, expect, it } from 'vitest';
import { fastKernels, fixturesIn } from '../support/conformance.js';
import { allFixturesFolder } from '../support/fixtures.js';
import { load } from '../support/models.js';
import { deviationFrom, readReference } from '../support/reference.js';
import { errorLine, llamaCppError, roundingError } from '../support/rounding-error.js';

describe('the whole collection of conformance fixtures', () => {
  if (!allFixturesFolder) {
    it('is not tested: set MOEFLOW_CONFORMANCE to the folder that holds it', () => {
      console.warn('MOEFLOW_CONFORMANCE is not set: only the fixtures in the repository are tested.');
    });
    return;
  }
  const fixtures = fixturesIn(allFixturesFolder);

  it.each(fixtures)('$name: the reference kernels compute what Hugging Face does', async ({ model, reference }) => {
    const deviation = await deviationFrom(readReference(reference), await load(model, { cpu: 'reference' }));

    expect(deviation).toMatchObject({ wrongExperts: [], wrongContinuations: [] });
    expect(deviation.logits).toBeLessThan(1e-3);
    expect(deviation.gateWeights).toBeLessThan(1e-4);
  });

  const quantised = fixtures.filter(({ name }) => name in llamaCppError);

  it.each(quantised)('$name: rounding costs no more accuracy than in llama.cpp', async ({ name, model, reference }) => {
    const error = await roundingError(readReference(reference), await load(model, { cpu: fastKernels[0] }));

    console.info(errorLine(name, error));
    // Both are noise of the same size; 36 rows tell them apart to a few percent.
    expect(error.sameExperts).toBeLessThanOrEqual((llamaCppError[name] as number) * 1.05);
  });
});
