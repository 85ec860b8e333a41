import { describe, expect, it } from 'vitest';
import { fastKernels, quantisedFixtures } from '../support/conformance.js';
import { load } from '../support/models.js';
import { readReference } from '../support/reference.js';
import { errorLine, llamaCppError, roundingError } from '../support/rounding-error.js';

// On quantised weights the fast kernels round activations to 8 bits, as llama.cpp does, and keep the key/value cache in
// float16. At a near tie of the router that sends a token to another expert, in llama.cpp at other tokens than here;
// such a position is off by far more than the rounding, so on our side it is left out.
describe('on quantised weights, rounding costs no more accuracy than in llama.cpp', () => {
  it.each(quantisedFixtures)('$name', async ({ name, model, reference }) => {
    const error = await roundingError(readReference(reference), await load(model, { cpu: fastKernels[0] }));

    console.info(errorLine(name, error));
    expect(error.sameExperts).toBeLessThanOrEqual(llamaCppError[name] as number);
    expect(error.otherExperts).toBeLessThanOrEqual(error.rows / 10);
  });
});
