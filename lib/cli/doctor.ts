/** `moeflow doctor`: what this machine offers and what moeflow makes of it. */

import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import type { Command } from 'commander';
import { availableKernels, measureReadBandwidth } from '../index.js';
import { nativeAddon } from '../native/addon.js';
import { formatNumber, formatTable } from '../report/format.js';
import { print } from './output.js';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Says which native addon is loaded and from where, and what this machine can do.')
    .option('--bench', 'also measure how fast memory is read (a second or two)')
    .addHelpText(
      'after',
      `
Examples:
  $ moeflow doctor
  $ MOEFLOW_CPU=avx2 moeflow doctor --bench`,
    )
    .action(doctor);
}

async function doctor(flags: { bench?: boolean }): Promise<void> {
  const rows = [['node', `${process.version}, ${process.platform} ${process.arch}`]];
  try {
    rows.push(...(await addonRows(flags.bench ?? false)));
  } finally {
    await print(formatTable(rows));
  }
}

async function addonRows(bench: boolean): Promise<string[][]> {
  const addon = nativeAddon();
  const { usableProcessors } = addon;
  const rows = [
    ['addon', addonPath(addon)],
    ['kernel sets', choiceText(availableKernels(), 'MOEFLOW_CPU')],
    ['reads by', choiceText(addon.availableReadMethods.split(', '), 'MOEFLOW_READ_METHOD')],
    ['processors', `${usableProcessors} usable of ${cpus().length}`],
  ];
  if (bench) {
    const bandwidth = await measureReadBandwidth();
    rows.push(['memory', `read at ${formatNumber(bandwidth / 1e9)} GB/s by ${usableProcessors} threads`]);
  }
  return rows;
}

/** Node keeps what `require` loaded under its path. */
function addonPath(addon: unknown): string {
  const modules = Object.values(createRequire(import.meta.url).cache);
  return modules.find((module) => module?.exports === addon)?.filename ?? 'loaded from an unknown place';
}

/** What there is to choose from, best first, and what is chosen: by an environment variable if that is set. */
function choiceText(available: string[], variable: string): string {
  const wanted = process.env[variable] || undefined;
  const chosen = wanted ?? available[0] ?? 'none';
  if (!available.includes(chosen)) {
    return `${available.join(', ')}; ${variable} asks for ${chosen}, which does not work here`;
  }
  return `${available.join(', ')}; chosen: ${chosen}${wanted === undefined ? '' : ` (${variable})`}`;
}
