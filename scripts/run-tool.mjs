// Compiles models/ and bench/ (incrementally) and runs one of their programs:
//   node scripts/run-tool.mjs models/convert.ts <arguments>
// Node 20 does not run TypeScript by itself; dist/ holds only what is published, so these go to build/tools/.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const [tool, ...toolArguments] = process.argv.slice(2);

if (!tool?.endsWith('.ts') || !existsSync(join(repository, tool))) {
  console.error(
    `run-tool: ${tool ?? '(nothing)'} is not a TypeScript file of this repository; name one, as in models/convert.ts`,
  );
  process.exit(2);
}

const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
const project = join(repository, 'tsconfig.tools.json');
const compiled = spawnSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', project], { stdio: 'inherit' });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

const program = join(repository, 'build/tools', tool.replace(/\.ts$/, '.js'));
const ran = spawnSync(process.execPath, [program, ...toolArguments], { stdio: 'inherit' });
process.exit(ran.status ?? 1);
