// npm run demo:plan: records where the tokens of the demo model go, and plans from that where its experts should be on four GPUs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..');
const model = join(repository, 'models/demo/moeflow-demo-q8_0.gguf');

/** Beginnings like the texts that the model knows: scripture, Python, JavaScript, documentation, a dictionary. */
const prompts = [
  'And it came to pass in those days, that',
  'The LORD is my shepherd;',
  'In the beginning',
  'def read_file(path):',
  'class Node:\n    def __init__(self',
  'import os\nimport sys\n\n',
  "const fs = require('fs');\n",
  'export function parse(text) {',
  'module.exports = {',
  'The following options are available:',
  'Returns a new array',
  'This section describes',
  'noun: a small animal',
  'a person who',
  'verb: to make',
  'the state of being',
];

function moeflow(...words) {
  const { status } = spawnSync(process.execPath, [join(repository, 'dist/lib/cli/main.js'), ...words], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status || 1);
}

const folder = mkdtempSync(join(tmpdir(), 'moeflow-demo-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const [lines, routes] = [join(folder, 'prompts.jsonl'), join(folder, 'routes.parquet')];
writeFileSync(lines, prompts.map((prompt) => `${JSON.stringify(prompt)}\n`).join(''));
const sampling = ['--max-tokens', '400', '--ignore-eos', '--temperature', '0.8', '--seed', '8'];
moeflow('trace', 'record', lines, '--model', model, '--out', routes, ...sampling);
console.log();
moeflow('plan', routes, '--gpus', '4', '--nodes', '2');
