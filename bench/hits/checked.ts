import type { CacheRow } from '../../lib/cache-sim/compare.js';
import type { SimulatedPolicy } from '../../lib/cache-sim/options.js';
import { table } from '../shared/table.js';

/** Expected and counted values, side by side. */
export class Checked {
  private readonly lines: string[][] = [['trace', 'value', 'expected', 'counted', 'share', '']];
  private wrong = 0;

  add(trace: string, value: string, expected: number, counted: number, of?: number): void {
    if (expected !== counted) this.wrong++;
    const share = of ? (counted / of).toFixed(4) : '';
    this.lines.push([trace, value, String(expected), String(counted), share, expected === counted ? '' : 'DIFFERS']);
  }

  row(
    trace: string,
    rows: CacheRow[],
    { policy, slots }: { policy: SimulatedPolicy; slots: number },
    hits: number,
    accesses: number,
  ): void {
    const row = rows.find((one) => one.policy === policy && one.slots === slots);
    this.add(trace, `${policy}, ${slots} slots: hits`, hits, row?.hits ?? -1, accesses);
    if (row?.accesses !== accesses) this.add(trace, `${policy}, ${slots} slots: uses`, accesses, row?.accesses ?? -1);
  }

  report(): void {
    for (const line of table(this.lines)) console.log(line);
    const count = this.lines.length - 1;
    if (this.wrong > 0) throw new Error(`${this.wrong} of ${count} values differ`);
    console.log(`\nall ${count} values are met to the last hit\n`);
  }
}
