/** Kernels by themselves. */

/** A kernel at work on data of no meaning, for benchmarks. */
export interface NativeKernelProblem {
  /** Runs the kernel once, on this thread; a product takes the next of its matrices. */
  run(): void;
  /** That one run reads and writes; of a product the weights alone. */
  readonly bytes: number;
  /** Of one run; 0 for kernels that arithmetic does not bound. */
  readonly multiplications: number;
}

export interface NativeKernelProblemOptions {
  kernels?: string;
  kernel?: 'matmul' | 'attention' | 'quantize' | 'rms_norm' | 'silu_multiply' | 'clamped_swiglu' | 'add_scaled';
  /** Of the weights, or of the cache (F16 or F32). */
  type?: string;
  /** Values of an activation row, or of an attention head. */
  cols: number;
  /** Rows of a weight matrix. */
  rows?: number;
  /** Activation rows, or queries of one head. */
  tokens?: number;
  /** So many that they do not fit in the processor's cache, or 1 to stay there. */
  matrices?: number;
  /** In the cache that attention reads. */
  positions?: number;
}
