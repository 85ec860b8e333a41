// npm run demo: the small model that comes with the repository, in memory as a whole, then in so little that its experts have
// to be swapped, without and with the predictor that was trained for it. The text is the same.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..');
const command = [
  join(repository, 'dist/lib/cli/main.js'),
  'generate',
  '--model',
  join(repository, 'models/demo/moeflow-demo-q8_0.gguf'),
  '--max-tokens',
  '95',
  '--temperature',
  '0.6',
  '--top-p',
  '0.9',
  '--min-p',
  '0.1',
  '--repeat-penalty',
  '1.15',
  '--seed',
  '8',
  'And it came to pass in those days, that',
];

function generate(...more) {
  return spawnSync(process.execPath, [...command, ...more], { encoding: 'utf8' });
}

function fail(run) {
  process.stderr.write(run.stderr);
  process.exit(run.status || 1);
}

function show(run) {
  if (run.status !== 0) fail(run);
  process.stdout.write(`${run.stdout}\n`);
  process.stderr.write(`${run.stderr.trim()}\n\n`);
}

console.log('All experts in memory:\n');
const whole = generate();
show(whole);

// The error of a budget that is too small names the smallest that works. A little more, as the process may grow by then.
const refused = generate('--ram', '1MiB');
const least = Number(/at least (\d+) MiB are needed/.exec(refused.stderr)?.[1]);
if (!least) fail(refused);
// A predictor, and reading it, takes memory too: here, beside experts of 100 KB, as much as 140 of them. Both runs
// have it, so that the same number of experts has a place.
const budget = `${least + 20}MiB`;
const predictor = join(repository, 'models/demo/moeflow-demo-q8_0.predictor');
const hitRates = {};
for (const [words, ...flags] of [
  ['nothing fetched ahead', '--prefetch', 'none'],
  ['experts fetched ahead as the trained predictor says', '--prefetch', 'route-path'],
]) {
  console.log(
    `In a budget of ${budget}, which does not hold them all, ${words} (--ram ${budget} ${flags.join(' ')}):\n`,
  );
  const swapped = generate('--ram', budget, '--predictor', predictor, ...flags);
  show(swapped);
  if (swapped.stdout !== whole.stdout) {
    console.error('demo: the two texts differ');
    process.exit(1);
  }
  hitRates[words] = /hit rate ([\d.]+ ?%)/.exec(swapped.stderr)?.[1];
  if (!hitRates[words]) {
    console.error('demo: all experts were in memory, nothing was swapped');
    process.exit(1);
  }
}
console.log('Experts that were in memory when they were needed:');
for (const [words, rate] of Object.entries(hitRates)) console.log(`  ${rate}  ${words}`);
