import { describe, expect, it } from 'vitest';
import { roofline } from '../../bench/offload/roofline.js';

describe('the decode roofline', () => {
  it('relates measured time to reading and computing', () => {
    // 100 MB per token at 2 GB/s are 50 ms; 40 tokens/s in memory are 25 ms; 10 tokens/s are 100 ms.
    const made = roofline({ speed: 10, residentSpeed: 40, bytesPerToken: 100e6, diskSpeed: 2e9 });
    expect(made.reading).toBeCloseTo(0.05);
    expect(made.computing).toBeCloseTo(0.025);
    expect(made.measured).toBeCloseTo(0.1);
    expect(made.diskShare).toBeCloseTo(0.5); // 1 GB/s of 2
    expect(made.overlapped).toBeCloseTo(0.5); // max(50, 25) of 100 ms
    expect(made.inTurn).toBeCloseTo(0.75); // 50 + 25 of 100 ms
  });

  it('is computing alone where nothing is read', () => {
    const made = roofline({ speed: 38, residentSpeed: 40, bytesPerToken: 0, diskSpeed: 2e9 });
    expect(made.overlapped).toBeCloseTo(0.95);
    expect(made.inTurn).toBeCloseTo(0.95);
  });
});
