/** `moeflow trace`: recording, reading and turning routing traces. */

import type { Command } from 'commander';
import { addExport } from './export.js';
import { addImport } from './import.js';
import { addInfo } from './info.js';
import { addRecord } from './record.js';

export function addTrace(program: Command): void {
  const trace = program.command('trace').description('Records, imports, describes and exports routing traces.');
  addRecord(trace);
  addImport(trace);
  addInfo(trace);
  addExport(trace);
}
