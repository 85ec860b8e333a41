/** Where the models and reference values of the tests are. test/fixtures/README.md says what they are. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { readTar } from './tar.js';

export const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
export const demoFolder = join(packageRoot, 'models/demo');
export const demoModel = join(demoFolder, 'moeflow-demo-q8_0.gguf');

/** A folder with all conformance fixtures, of which the repository holds a part; undefined when it was not given. */
export const allFixturesFolder = process.env.MOEFLOW_CONFORMANCE;

/** A folder with published routing traces, which have licences of their own; undefined when it was not given. */
export const tracesFolder = process.env.MOEFLOW_TRACES;

const archives = fileURLToPath(new URL('../fixtures', import.meta.url));
const unpacked = join(packageRoot, 'build/test-fixtures');

/** Path of a file of the conformance fixtures, such as `qwen2moe/model.gguf`. */
export function fixture(path: string): string {
  return join(unpacked, path);
}

/** Unpacks every archive that is newer than what was unpacked from it before. */
export function unpackFixtures(): void {
  for (const name of readdirSync(archives).filter((file) => file.endsWith('.tar.br'))) {
    const archive = join(archives, name);
    const stamp = join(unpacked, `${name}.unpacked`);
    const version = `${statSync(archive).size} ${statSync(archive).mtimeMs}`;
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === version) continue;
    rmSync(stamp, { force: true });
    for (const { path, bytes } of readTar(brotliDecompressSync(readFileSync(archive)))) {
      mkdirSync(dirname(fixture(path)), { recursive: true });
      writeFileSync(fixture(path), bytes);
    }
    writeFileSync(stamp, version);
  }
}
