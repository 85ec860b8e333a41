#!/usr/bin/env node
// Compiles the native addon to build/Release/moeflow.node, where lib/native.ts finds it. In a project that depends on
// moeflow: `npx moeflow-build`. In a clone, setup.mjs does it. Nothing is downloaded: the Node-API headers are npm packages.
//   moeflow-build [--clean] [--out <directory, default build>] [--copy-to <directory>]
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runScript, runStep, StepError } from './step.mjs';
import { checkCmake, checkCompiler, checkNode } from './toolchain.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Builds what has changed. True if that was anything. */
export async function buildAddon({ clean = false, out = join(root, 'build') } = {}) {
  checkNode();
  checkCmake();
  if (clean) rmSync(out, { recursive: true, force: true });
  const addon = join(out, 'Release', 'moeflow.node');
  const before = modified(addon);
  if (!isConfigured(out)) await configure(out);
  await runStep('Compiling the native addon (a minute or two for all of it)', 'cmake', [
    ...['--build', out, '--config', 'Release', '--target', 'moeflow'],
    ...['--parallel', String(availableParallelism())],
  ]);
  if (modified(addon) === before) return false;
  try {
    await runStep('Loading the native addon', process.execPath, ['-e', `require(${JSON.stringify(addon)})`]);
  } catch (error) {
    rmSync(addon); // or the next build would find nothing to do
    throw error;
  }
  return true;
}

/** A cache from another place or without the Node-API headers of this installation is of no use. */
function isConfigured(out) {
  const cache = join(out, 'CMakeCache.txt');
  if (!existsSync(cache)) return false;
  const text = readFileSync(cache, 'utf8');
  const value = (name) => new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(text)?.[1];
  const headers = value('CMAKE_JS_INC')?.split(';') ?? [];
  return (
    value('CMAKE_HOME_DIRECTORY') === root &&
    value('CMAKE_CACHEFILE_DIR') === out &&
    headers.length > 0 &&
    headers.every((directory) => existsSync(directory)) &&
    ['build.ninja', 'Makefile'].some((file) => existsSync(join(out, file)))
  );
}

async function configure(out) {
  checkCompiler();
  for (const stale of ['CMakeCache.txt', 'CMakeFiles']) rmSync(join(out, stale), { recursive: true, force: true });
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const options = ['--directory', root, '--out', out, '--config', 'Release'];
  await runStep('Configuring the native addon', process.execPath, [cmakeJs, 'configure', ...options], {
    directory: root,
  });
}

function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

async function main() {
  let options;
  try {
    const known = { clean: { type: 'boolean' }, out: { type: 'string' }, 'copy-to': { type: 'string' } };
    options = parseArgs({ options: known }).values;
  } catch (error) {
    throw new StepError(error.message);
  }
  const out = resolve(options.out ?? join(root, 'build'));
  const built = await buildAddon({ clean: options.clean, out });
  const addon = join(out, 'Release', 'moeflow.node');
  if (options['copy-to']) {
    mkdirSync(options['copy-to'], { recursive: true });
    copyFileSync(addon, join(options['copy-to'], 'moeflow.node'));
  }
  console.log(`moeflow-build: ${relative(process.cwd(), addon)} ${built ? 'is built' : 'is up to date'}`);
}

// npm links commands, so the path that was started may be a link to this file.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runScript('moeflow-build', main);
}
