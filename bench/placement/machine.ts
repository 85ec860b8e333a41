import { cpus } from 'node:os';
import { warnIfBusy } from '../shared/machine.js';

/** What times depend on: one core is used. */
export function describeMachine(): string {
  warnIfBusy();
  return `moeflow's planner on one core of ${cpus()[0]?.model}, node ${process.version}`;
}
