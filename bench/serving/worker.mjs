// One way to serve requests that come at their times: node worker.mjs, a request (bench.ts) as JSON on standard input. Prints, of each, when its
// tokens came, in seconds from its arrival.
import { setTimeout as sleep } from 'node:timers/promises';
import { llamaServer } from './llama.mjs';
import { continuous, inBatches } from './moeflow.mjs';

let text = '';
for await (const chunk of process.stdin) text += chunk;
const request = JSON.parse(text);

const ways = { continuous, static: inBatches, llama: llamaServer };
const server = await ways[request.way](request);
await server.warmUp(request.arrivals[0].prompt);

const start = performance.now();
const served = await Promise.all(
  request.arrivals.map(async ({ at, prompt, tokens }) => {
    await sleep(at * 1000);
    const arrived = performance.now();
    const times = [];
    await server.serve(prompt, tokens, () => times.push((performance.now() - arrived) / 1000));
    return times;
  }),
);
console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, served }));
await server.close();
