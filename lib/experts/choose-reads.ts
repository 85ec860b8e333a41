/** The search for how to read from a device: a few settings are tried, each for some hundredths of a second. */

export interface ReadSettings {
  /** Of one read, at most. */
  readBytes: number;
  /** Reads under way, at most. */
  readDepth: number;
}

export interface ChosenReads extends ReadSettings {
  bytesPerSecond: number;
}

/** Bytes per second with these settings, in so many seconds. */
export type MeasureReads = (settings: ReadSettings, seconds: number) => Promise<number>;

/** The fewest bytes under way first; of equal ones the larger reads. */
const candidates: readonly ReadSettings[] = (
  [
    [256, 4],
    [1024, 2],
    [256, 8],
    [1024, 4],
    [512, 8],
    [4096, 2],
    [2048, 4],
    [1024, 8],
    [256, 32],
    [4096, 4],
    [2048, 8],
    [1024, 16],
    [4096, 8],
    [1024, 32],
  ] as const
).map(([kib, readDepth]) => ({ readBytes: kib * 1024, readDepth }));

const firstSeconds = 0.025;
const secondSeconds = 0.04;
/** Milliseconds after which nothing more is tried. A slow device takes longer for each, and needs fewer. */
const firstBudget = 400;
const wholeBudget = 600;
/** So far below the best is as good as the best: at first sight, and when measured again. */
const close = 0.9;
const asGood = 0.95;
const measuredAgain = 4;
/** Seconds. */
const shortWait = 0.015;

/** Settings with nearly the best speed; in about half a second, or what the smallest ones take. */
export async function chooseReads(
  measure: MeasureReads,
  now: () => number = () => performance.now(),
): Promise<ChosenReads> {
  const start = now();
  const tried: ChosenReads[] = [];
  for (const settings of candidates) {
    if (tried.length > 0 && now() - start >= firstBudget) break;
    tried.push({ ...settings, bytesPerSecond: await measure(settings, firstSeconds) });
  }
  const shortlist = byMerit(within(tried, close)).slice(0, measuredAgain);
  for (const settings of shortlist) {
    if (now() - start >= wholeBudget) break;
    // Other work on the machine only takes away.
    settings.bytesPerSecond = Math.max(settings.bytesPerSecond, await measure(settings, secondSeconds));
  }
  const [chosen] = byMerit(within(tried, asGood));
  if (!chosen) throw new Error('nothing was measured');
  return chosen;
}

/**
 * Among equally fast ones, the best first. What is under way already is what a read that somebody waits for has to wait
 * behind: if that is short, the largest reads, which cost the processor least, and of these the most, as the next read is
 * then under way before somebody finds a processor to ask for it. Else, the fewest bytes under way.
 */
function byMerit(tried: ChosenReads[]): ChosenReads[] {
  const underWay = ({ readBytes, readDepth }: ReadSettings) => readBytes * readDepth;
  const quick = (t: ChosenReads) => underWay(t) <= t.bytesPerSecond * shortWait;
  return [...tried].sort((a, b) => {
    if (quick(a) !== quick(b)) return quick(a) ? -1 : 1;
    if (!quick(a)) return underWay(a) - underWay(b) || b.readBytes - a.readBytes;
    return b.readBytes - a.readBytes || b.readDepth - a.readDepth;
  });
}

/** Those with at least this part of the best speed. */
function within(tried: ChosenReads[], part: number): ChosenReads[] {
  const best = Math.max(...tried.map(({ bytesPerSecond }) => bytesPerSecond));
  return tried.filter(({ bytesPerSecond }) => bytesPerSecond >= part * best);
}
