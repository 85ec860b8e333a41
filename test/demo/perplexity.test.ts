import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel, type Model } from '../../lib/index.js';
import { heldOutNll, original, quantised } from '../support/demo.js';
import { demoModel } from '../support/fixtures.js';

describe('the demo model predicts text that it was not trained on as well as the references', () => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(demoModel, { threads: 2, contextLength: original.window });
  });
  afterAll(() => model.dispose());

  it.each(Object.entries(original.nll))('%s', async (domain, expected) => {
    const nll = await heldOutNll(model, domain);

    // Nats per token; 0.01 is a hundredth of the perplexity.
    expect(Math.abs(nll - expected)).toBeLessThan(0.01);
    // The same file with the same kind of rounding is closer.
    expect(Math.abs(nll - (quantised.nll[domain] as number))).toBeLessThan(0.002);
    expect(Math.abs(nll - (quantised.nll_rounded_activations[domain] as number))).toBeLessThan(0.002);
  });
});
