// Micro-benchmarks of the matrix kernels, one thread:
//   npm run bench:kernels -- [--cpu avx512,avx2] [--types Q4_0,Q8_0] [--tokens 1,64]
// One token streams weights from memory (256 MiB of matrices of an expert's shape): GB/s, also as a share of the read
// bandwidth of one thread measured in the same run. Many tokens are bound by arithmetic: GMAC/s.
import { parseArgs } from 'node:util';
import { bench, run } from 'mitata';
import { measureReadBandwidth } from '../../dist/index.js';
import { nativeAddon } from '../../dist/native.js';

const allTypes = 'F32,F16,BF16,Q8_0,Q4_0,Q4_1,Q5_0,Q5_1,Q2_K,Q3_K,Q4_K,Q5_K,Q6_K,IQ4_NL,IQ4_XS,MXFP4';
const shape = { rows: 1024, cols: 2048 };
const streamedBytes = 256 * 2 ** 20;

const addon = nativeAddon();
const { values } = parseArgs({
  options: {
    cpu: { type: 'string', default: addon.availableKernels.split(', ')[0] },
    types: { type: 'string', default: allTypes },
    tokens: { type: 'string', default: '1,64' },
  },
});

const bandwidth = await measureReadBandwidth(1);
const bitsPerWeight = { F32: 32, F16: 16, BF16: 16, Q8_0: 8.5, Q4_0: 4.5, Q4_1: 5, Q5_0: 5.5, Q5_1: 6, Q2_K: 2.625 };
Object.assign(bitsPerWeight, {
  Q3_K: 3.4375,
  Q4_K: 4.5,
  Q5_K: 5.5,
  Q6_K: 6.5625,
  IQ4_NL: 4.5,
  IQ4_XS: 4.25,
  MXFP4: 4.25,
});

const problems = [];
for (const kernels of values.cpu.split(',')) {
  for (const type of values.types.split(',')) {
    for (const tokens of values.tokens.split(',').map(Number)) {
      const bytes = (shape.rows * shape.cols * bitsPerWeight[type]) / 8;
      const matrices = tokens === 1 ? Math.ceil(streamedBytes / bytes) : 1;
      problems.push({ name: `${kernels} ${type} x${tokens}`, kernels, type, tokens, matrices, bytes });
    }
  }
}

for (const problem of problems) {
  const { kernels, type, tokens, matrices } = problem;
  // Made when its turn comes: all of them at once would not fit in memory.
  bench(problem.name, function* () {
    const work = new addon.KernelProblem({ ...shape, kernels, type, tokens, matrices });
    yield () => work.run();
  });
}

const { benchmarks } = await run({ format: 'quiet' });
console.log(`one thread, ${shape.rows} x ${shape.cols}; read bandwidth ${(bandwidth / 1e9).toFixed(1)} GB/s; medians`);
console.log('kernel'.padEnd(24), 'us'.padStart(9), 'GB/s'.padStart(8), 'of read'.padStart(8), 'GMAC/s'.padStart(8));
for (const [i, problem] of problems.entries()) {
  const seconds = benchmarks[i].runs[0].stats.p50 / 1e9;
  const rate = problem.bytes / seconds;
  const streamed = problem.tokens === 1;
  console.log(
    problem.name.padEnd(24),
    (seconds * 1e6).toFixed(1).padStart(9),
    (streamed ? (rate / 1e9).toFixed(1) : '').padStart(8),
    (streamed ? `${((100 * rate) / bandwidth).toFixed(0)}%` : '').padStart(8),
    ((shape.rows * shape.cols * problem.tokens) / seconds / 1e9).toFixed(0).padStart(8),
  );
}
