// npm run bench:placement -- [FOLDER of the published traces] [--skip-large] [--seconds 90]
import { parseArgs } from 'node:util';
import { placement } from '../../lib/index.js';
import { describeMachine } from './machine.js';
import { benchPublished } from './published.js';
import { large, syntheticTrace } from './synthetic.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'skip-large': { type: 'boolean' }, seconds: { type: 'string', default: '90' } },
});
const folder = positionals[0] ?? process.env.MOEFLOW_TRACES;

console.log(`${describeMachine()}\n`);
let good = true;
if (folder === undefined) console.log('No published traces: name their folder, or set MOEFLOW_TRACES.\n');
else good = await benchPublished(folder);
if (!values['skip-large']) good = (await benchLarge(Number(values.seconds))) && good;
process.exitCode = good ? 0 : 1;

/** An instance of DeepSeek-V3's size: within two minutes and 2 GB. */
async function benchLarge(timeLimit: number): Promise<boolean> {
  const { layers, experts, gpus, nodes } = large;
  const trace = syntheticTrace(20_000);
  const began = performance.now();
  const plan = await placement.plan(trace, { gpus, nodes }, { timeLimit });
  const seconds = (performance.now() - began) / 1000;
  const gigabytes = (process.resourceUsage().maxRSS * 1024) / 1e9;
  const hidden = await placement.evaluate({ gpus, nodes, placement: trace.hidden }, trace, { holdout: 'even-odd' });
  const { plan: found, baselines } = plan.evaluation;
  const share = (result: placement.Evaluation | undefined) => (result?.path?.share ?? 0).toFixed(3);
  const between = (result: placement.Evaluation | undefined) => (result?.path?.nodeShare ?? 0).toFixed(3);
  console.log(`${layers} layers of ${experts} experts on ${gpus} GPUs in ${nodes} nodes, synthetic, 20,000 tokens`);
  console.log(`crossings per step (between nodes): linear ${share(baselines.linear)} (${between(baselines.linear)}),`);
  console.log(
    `greedy ${share(baselines.greedy)} (${between(baselines.greedy)}), plan ${share(found)} (${between(found)}),`,
  );
  console.log(`the placement hidden in the trace ${share(hidden)} (${between(hidden)})`);
  console.log(
    `${seconds.toFixed(1)} s in all, ${plan.metadata.seconds.toFixed(1)} s solving (${plan.metadata.status}), at most ${gigabytes.toFixed(2)} GB`,
  );
  return seconds <= 120 && gigabytes <= 2;
}
