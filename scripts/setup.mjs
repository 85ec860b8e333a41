// Makes a clone ready to run: checks what is installed, installs npm packages, builds the addon and the TypeScript.
// Quiet when there is nothing to do, and quick: it runs before every test and demo.
import { chmodSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAddon } from './build-addon.mjs';
import { runScript, runStep } from './step.mjs';
import { checkCmake, checkNode } from './toolchain.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

await runScript('setup', async () => {
  checkNode();
  checkCmake();
  await installPackages();
  await buildAddon();
  await compileTypeScript();
});

/** npm leaves its own copy of the lock file when it has installed everything. */
async function installPackages() {
  if (modified('node_modules/.package-lock.json') >= modified('package-lock.json')) return;
  const npm = process.env.npm_execpath;
  const [program, script] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const options = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  await runStep('Installing npm packages', program, [...script, ...options], { directory: root });
}

async function compileTypeScript() {
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  await runStep('Compiling TypeScript', process.execPath, [join(typescript, 'bin/tsc'), '-p', root]);
  chmodSync(join(root, 'dist/lib/cli/main.js'), 0o755);
}

function modified(file) {
  return statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
