import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { History, type Look, lookMs } from '../../lib/server/history.js';
import { Latch } from './serving.js';

/** What is seen at a time, of which nothing else matters here. */
const seen = (time: number) => ({ time }) as Look;

describe('the history of a server', () => {
  it('has one look at a time: none begins before the one before has ended', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const slow = new Latch();
    let looks = 0;
    const history = new History(async () => {
      const time = ++looks;
      if (time === 2) await slow.opened;
      return seen(time);
    });

    await vi.advanceTimersByTimeAsync(5 * lookMs);
    expect([looks, history.since(0).length]).toEqual([2, 1]);
    slow.open();
    await vi.advanceTimersByTimeAsync(2 * lookMs);

    expect(history.since(0).map(({ time }) => time)).toEqual([1, 2, 3, 4]);
    history.stop();
  });

  it('goes on after a look that has failed', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    let looks = 0;
    const history = new History(async () => {
      if (++looks === 2) throw new Error('nothing to see');
      return seen(looks);
    });

    await vi.advanceTimersByTimeAsync(2 * lookMs);

    expect(history.since(0).map(({ time }) => time)).toEqual([1, 3]);
    history.stop();
  });
});
