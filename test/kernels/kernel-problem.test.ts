import { describe, expect, it } from 'vitest';
import { nativeAddon } from '../../lib/native/addon.js';
import type { NativeKernelProblemOptions } from '../../lib/native/kernels.js';

const { KernelProblem } = nativeAddon();

describe('a kernel problem, as benchmarks use it', () => {
  const vector = 64 * 4;

  it.each<[NativeKernelProblemOptions, bytes: number, multiplications: number]>([
    [{ type: 'Q4_0', rows: 48, cols: 64, tokens: 3, matrices: 2 }, 48 * 2 * 18, 48 * 64 * 3],
    [{ kernel: 'attention', type: 'F16', cols: 64, positions: 32, tokens: 2 }, 2 * 32 * 64 * 2, 2 * 64 * (31 + 32)],
    [{ kernel: 'attention', type: 'F32', cols: 64, positions: 32 }, 2 * 32 * 64 * 4, 2 * 64 * 32],
    [{ kernel: 'rms_norm', cols: 64 }, 3 * vector, 0],
    [{ kernel: 'silu_multiply', cols: 64 }, 3 * vector, 0],
    [{ kernel: 'clamped_swiglu', cols: 64 }, 3 * vector, 0],
    [{ kernel: 'add_scaled', cols: 64 }, 3 * vector, 0],
  ])('%j says what one run moves and multiplies', (options, bytes, multiplications) => {
    for (const kernels of nativeAddon().availableKernels.split(', ')) {
      const problem = new KernelProblem({ kernels, ...options });
      for (let i = 0; i < 3; i++) problem.run();
      expect(problem).toMatchObject({ bytes, multiplications });
    }
  });

  it.each<[NativeKernelProblemOptions, RegExp]>([
    [{ type: 'Q9_9', rows: 16, cols: 64 }, /type Q9_9 is unknown/],
    [{ type: 'Q4_0', rows: 16, cols: 40 }, /cols must be a multiple of 32 for Q4_0/],
    [{ type: 'Q4_0', cols: 64 }, /rows/],
    [{ type: 'Q4_0', rows: 0, cols: 64 }, /rows/],
    [{ type: 'Q8_0', rows: 1 << 20, cols: 1 << 16, matrices: 1 << 20 }, /memory|matrices/],
    [{ kernels: 'mmx', type: 'Q4_0', rows: 16, cols: 64 }, /mmx/],
    [{ kernel: 'convolution' as 'matmul', cols: 64 }, /kernel convolution is unknown: use matmul, attention/],
    [{ kernel: 'quantize', cols: 40 }, /cols must be a multiple of 32/],
    [{ kernel: 'attention', type: 'Q8_0', cols: 64, positions: 32 }, /type Q8_0 is unknown: use F16 or F32/],
    [{ kernel: 'attention', type: 'F16', cols: 40, positions: 32 }, /cols must be a multiple of 16/],
    [{ kernel: 'attention', type: 'F16', cols: 64, positions: 2, tokens: 3 }, /more tokens than positions/],
  ])('%j is an error that names what is wrong', (options, message) => {
    expect(() => new KernelProblem(options)).toThrow(message);
  });
});
