import { describe, expect, it } from 'vitest';
import { routeFacts } from '../../bench/offload/reuse.js';

describe('reuse of experts', () => {
  it('counts the experts of decoded tokens that the token before used in the same layer', () => {
    // Two layers, two of four experts. One prompt token, three decoded ones.
    const tokens = [
      [0, 1, 2, 3],
      [1, 0, 0, 1], // layer 0: both again, in another order; layer 1: none, though layer 0 used them
      [1, 2, 1, 2], // one, one
      [3, 0, 1, 3], // none, one
    ];
    const facts = routeFacts({ promptTokens: 1, layers: 2, k: 2, experts: 4, chosen: tokens.flat() });
    expect(facts.reuse).toBeCloseTo((2 + 0 + 1 + 1 + 0 + 1) / 12);
    // Layer 0 used 0: 3, 1: 3, 2: 1, 3: 1 times; layer 1 0: 1, 1: 3, 2: 2, 3: 2. One expert is a quarter of four.
    expect(facts.quarterShare).toBeCloseTo((3 + 3) / 16);
  });

  it('leaves repetition inside the prompt out', () => {
    const chosen = [0, 0, 0, 1];
    expect(routeFacts({ promptTokens: 3, layers: 1, k: 1, experts: 4, chosen }).reuse).toBe(0);
    expect(routeFacts({ promptTokens: 2, layers: 1, k: 1, experts: 4, chosen }).reuse).toBe(0.5);
  });
});
