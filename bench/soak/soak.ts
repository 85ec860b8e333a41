// npm run test:soak [-- --requests 10000] [--http]: many requests at once, of all lengths, cancelled at any time; with --http from
// clients of a server, which hang up. Each must have the tokens that it has alone; afterwards all memory of the key/value cache
// is back, and the process has not grown.
import { parseArgs } from 'node:util';
import OpenAI from 'openai';
import { type GenerateOptions, loadModel, type Model } from '../../lib/index.js';
import { below, uniforms } from '../../lib/random.js';
import { createServer } from '../../lib/server/index.js';
import { collectGarbage } from '../shared/garbage.js';
import { program } from '../shared/program.js';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '10000' }, http: { type: 'boolean', default: false } },
});
const requests = Number(values.requests);
/** Requests that are under way or wait at a time. */
const atOnce = 48;
const longest = 32;
/** Memory may grow by this while caches fill; measured from a tenth of the requests on. */
const mostGrowth = 48 * 2 ** 20;

interface Known {
  prompt: string;
  options: GenerateOptions;
  tokens: number[];
  text: string;
}

const rejections: unknown[] = [];
process.on('unhandledRejection', (reason) => rejections.push(reason));
const random = uniforms(1);
const texts = [
  'In the beginning God created the heaven and the earth. And',
  'def read_file(path):\n    with open(path) as f:\n        return',
  'The function returns a promise that',
  'const server = http.createServer((request, response) => {\n  response',
  'a small animal of the',
];

await program(soak);

async function soak(): Promise<void> {
  const known = await knownAnswers();
  const model = await loadModel('models/demo/moeflow-demo-q8_0.gguf', {
    contextLength: 256,
    kvCacheTokens: 256,
    maxSequences: 24,
    predictor: 'none',
  });
  const server = values.http ? createServer(model, { modelName: 'demo' }) : undefined;
  const url = await server?.listen({ port: 0 });
  const client = url && new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  const ask = (known: Known) => (client ? overHttp(client, known) : one(model, known));
  const counts = { complete: 0, cancelled: 0, left: 0, late: 0 };
  let sent = 0;
  let before = 0;
  const started = performance.now();
  const sender = async () => {
    while (sent < requests) {
      if (sent === Math.floor(requests / 10)) before = residentBytes();
      sent++;
      counts[await ask(known[below(known.length, random)] as Known)]++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
  const seconds = (performance.now() - started) / 1000;
  // What was cancelled last may still be in the engine's hands.
  while (model.stats().scheduling.running > 0 && performance.now() - started < (seconds + 10) * 1000) await breath();
  const { scheduling } = model.stats();
  const growth = residentBytes() - before;
  console.log(
    `${requests} requests in ${seconds.toFixed(0)} s: ${JSON.stringify(counts)}; ${JSON.stringify(scheduling)}; grown by ${(growth / 2 ** 20).toFixed(1)} MiB since the first tenth`,
  );
  await server?.close(1);
  await model.dispose();
  await breath();
  check(scheduling.running === 0 && scheduling.waiting === 0, 'some requests have not ended');
  check(scheduling.kvCacheTokensInUse === 0, 'blocks of the key/value cache were not given back');
  check(growth < mostGrowth, `the process has grown by ${growth} bytes`);
  check(rejections.length === 0, `a rejection was not handled: ${rejections[0]}`);
  check(counts.complete > requests / 4, 'hardly any request was answered');
}

/** What each says alone. */
async function knownAnswers(): Promise<Known[]> {
  const model = await loadModel('models/demo/moeflow-demo-q8_0.gguf', { contextLength: 256, predictor: 'none' });
  const known: Known[] = [];
  for (let seed = 0; seed < 40; seed++) {
    // Of all lengths; many begin alike.
    const prompt = `${'In the beginning was the Word. '.repeat(below(4, random) * 2)}${texts[seed % texts.length]}`;
    const options = { seed, temperature: 0.9, ignoreEos: true };
    const { tokens, text } = await model.generate(prompt, { ...options, maxTokens: longest }).result;
    known.push({ prompt, options, tokens, text });
  }
  await model.dispose();
  return known;
}

/** Asks, and perhaps does not wait for the end. */
async function one(model: Model, { prompt, options, tokens, text }: Known): Promise<keyof Counts> {
  const maxTokens = 1 + below(longest, random);
  const controller = new AbortController();
  const fate = random();
  const generation = model.generate(prompt, {
    ...options,
    maxTokens,
    priority: below(3, random),
    signal: controller.signal,
    ...(fate > 0.95 ? { deadlineSeconds: random() * 0.3 } : {}),
  });
  if (fate < 0.1) setTimeout(() => controller.abort(), random() * 300);
  let leaveAfter = fate < 0.2 && fate >= 0.1 ? below(6, random) : Number.POSITIVE_INFINITY;
  let said = '';
  try {
    for await (const piece of generation) {
      said += piece;
      if (--leaveAfter < 0) break;
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  }
  // An answer that ends within a character ends with a replacement character.
  check(text.startsWith(said.replace(/\ufffd$/, '')), `seed ${options.seed} said ${said} for ${text}`);
  if (controller.signal.aborted) return 'cancelled';
  const result = await generation.result;
  const expected = tokens.slice(0, result.tokens.length);
  check(result.tokens.join() === expected.join(), `seed ${options.seed}: tokens ${result.tokens} for ${expected}`);
  if (result.finishReason === 'cancelled') return 'left';
  if (result.finishReason === 'deadline') return 'late';
  check(result.tokens.length === maxTokens, `seed ${options.seed}: ${result.tokens.length} tokens of ${maxTokens}`);
  return 'complete';
}

/** Asks a server for a stream, and perhaps hangs up. */
async function overHttp(client: OpenAI, { prompt, options, text }: Known): Promise<keyof Counts> {
  const maxTokens = 1 + below(longest, random);
  const leaveAfter = random() < 0.2 ? below(6, random) : Number.POSITIVE_INFINITY;
  const stream = await client.completions.create({
    model: 'demo',
    prompt,
    max_tokens: maxTokens,
    seed: Number(options.seed),
    temperature: options.temperature,
    stream: true,
    stream_options: { include_usage: true },
    ...{ ignore_eos: true, priority: below(3, random) },
  });
  let said = '';
  let chunks = 0;
  let generated: number | undefined;
  for await (const { choices, usage } of stream) {
    said += choices[0]?.text ?? '';
    generated = usage?.completion_tokens ?? generated;
    if (++chunks > leaveAfter) break;
  }
  check(text.startsWith(said.replace(/\ufffd$/, '')), `seed ${options.seed} said ${said} for ${text}`);
  // Leaving the loop hangs up.
  if (chunks > leaveAfter) return 'left';
  check(generated === maxTokens, `seed ${options.seed}: ${generated} tokens of ${maxTokens}`);
  return 'complete';
}

interface Counts {
  complete: number;
  cancelled: number;
  left: number;
  late: number;
}

function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

/** Of what is held. */
function residentBytes(): number {
  collectGarbage();
  return process.memoryUsage().rss;
}
