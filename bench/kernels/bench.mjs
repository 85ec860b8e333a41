// Micro-benchmarks of the kernels, one thread:
//   npm run bench:kernels -- [--cpu avx512,avx2] [--types Q4_0,Q8_0] [--tokens 1,64]
// A product with one token streams weights from memory (256 MiB of matrices of an expert's shape): GB/s, also as a share of
// the read bandwidth of one thread measured in the same run. Many tokens are bound by arithmetic: GMAC/s. Attention reads a
// head's keys and values, the other kernels work on one row, all in the processor's cache, as they do in a step.
import { parseArgs } from 'node:util';
import { bench, run } from 'mitata';
import { measureReadBandwidth } from '../../dist/lib/index.js';
import { nativeAddon } from '../../dist/lib/native/addon.js';

const allTypes = 'F32,F16,BF16,Q8_0,Q4_0,Q4_1,Q5_0,Q5_1,Q2_K,Q3_K,Q4_K,Q5_K,Q6_K,IQ4_NL,IQ4_XS,MXFP4';
const expert = { rows: 1024, cols: 2048 };
const streamedBytes = 256 * 2 ** 20;

const addon = nativeAddon();
const { values } = parseArgs({
  options: {
    cpu: { type: 'string', default: addon.availableKernels.split(', ')[0] },
    types: { type: 'string', default: allTypes },
    tokens: { type: 'string', default: '1,64' },
  },
});

const problems = [];
for (const kernels of values.cpu.split(',')) {
  for (const type of values.types.split(',')) {
    for (const tokens of values.tokens.split(',').map(Number)) {
      const { bytes } = new addon.KernelProblem({ ...expert, kernels, type });
      const matrices = tokens === 1 ? Math.ceil(streamedBytes / bytes) : 1;
      add(`${kernels} ${type} x${tokens}`, { ...expert, kernels, type, tokens, matrices });
    }
  }
  for (const type of ['F16', 'F32']) {
    for (const tokens of [1, 64]) {
      const options = { kernels, kernel: 'attention', type, cols: 128, positions: 512, tokens };
      add(`${kernels} attention ${type} x${tokens}`, options);
    }
  }
  for (const kernel of ['quantize', 'rms_norm', 'silu_multiply', 'clamped_swiglu', 'add_scaled']) {
    add(`${kernels} ${kernel}`, { kernels, kernel, cols: 2048 });
  }
}

function add(name, options) {
  const problem = { name };
  problems.push(problem);
  // Made when its turn comes: all of them at once would not fit in memory.
  bench(name, function* () {
    const work = new addon.KernelProblem(options);
    Object.assign(problem, { bytes: work.bytes, multiplications: work.multiplications });
    yield () => work.run();
  });
}

const bandwidth = await measureReadBandwidth(1);
const { benchmarks } = await run({ format: 'quiet' });
console.log(`one thread, products ${expert.rows} x ${expert.cols}, attention 512 x 128, rows of 2048; medians`);
console.log(`memory reads ${(bandwidth / 1e9).toFixed(1)} GB/s`);
console.log('kernel'.padEnd(24), 'us'.padStart(9), 'GB/s'.padStart(8), 'of read'.padStart(8), 'GMAC/s'.padStart(8));
for (const [i, { name, bytes, multiplications }] of problems.entries()) {
  const seconds = benchmarks[i].runs[0].stats.p50 / 1e9;
  const rate = bytes / seconds;
  console.log(
    name.padEnd(24),
    (seconds * 1e6).toFixed(1).padStart(9),
    (rate / 1e9).toFixed(1).padStart(8),
    `${((100 * rate) / bandwidth).toFixed(0)}%`.padStart(8),
    (multiplications > 0 ? (multiplications / seconds / 1e9).toFixed(0) : '').padStart(8),
  );
}
