import { describe, expect, it } from 'vitest';
import { chooseReads, type ReadSettings } from '../../lib/experts/choose-reads.js';

/** A device that takes `latency` ms for each read and gives `most` bytes per second; its time is the clock's. */
class Device {
  time = 0;
  measured: ReadSettings[] = [];

  constructor(
    readonly latency: number,
    readonly most: number,
  ) {}

  measure = async (settings: ReadSettings, seconds: number): Promise<number> => {
    this.measured.push(settings);
    const underWay = settings.readBytes * settings.readDepth;
    const speed = Math.min(this.most, underWay / (this.latency / 1000));
    this.time += Math.max(1000 * seconds, (1000 * underWay) / speed);
    return speed;
  };

  choose = () => chooseReads(this.measure, () => this.time);
}

describe('the choice of how to read', () => {
  it('is the largest reads, and many of them, where those under way are soon over', async () => {
    expect(await new Device(0.1, 3e9).choose()).toEqual({ readBytes: 4 * 2 ** 20, readDepth: 8, bytesPerSecond: 3e9 });
  });

  it('has less under way the slower the device is', async () => {
    const underWay = [];
    for (const most of [1e9, 5e8, 3e8, 1e8]) {
      const { readBytes, readDepth } = await new Device(0.1, most).choose();
      underWay.push((readBytes * readDepth) / 2 ** 20);
    }
    expect(underWay).toEqual([8, 4, 4, 1]);
  });

  it('takes the most under way where only that is fast', async () => {
    const { readBytes, readDepth } = await new Device(10, 10e9).choose();
    expect(readBytes * readDepth).toBe(32 * 2 ** 20);
  });

  it.each([
    [0.1, 3e9],
    [1, 1e9],
    [10, 1e8],
    [0.1, 5e7],
  ])('ends soon on a device of %d ms and %d bytes per second', async (latency, most) => {
    const device = new Device(latency, most);
    await device.choose();
    expect(device.time).toBeLessThan(750);
  });

  it('tries one setting at least, however slow it is', async () => {
    const device = new Device(0.1, 1e5);
    expect(await device.choose()).toMatchObject({ readBytes: 256 * 1024, readDepth: 4, bytesPerSecond: 1e5 });
    expect(device.measured).toHaveLength(1);
  });

  it('is not misled by one measurement that was disturbed', async () => {
    const device = new Device(0.1, 3e9);
    let calls = 0;
    const disturbed = async (settings: ReadSettings, seconds: number) => {
      const speed = await device.measure(settings, seconds);
      return ++calls === 13 ? 0.92 * speed : speed;
    };
    const { readBytes, readDepth } = await chooseReads(disturbed, () => device.time);
    expect([readBytes, readDepth]).toEqual([4 * 2 ** 20, 8]);
  });

  it('fails as the measurement does', async () => {
    const failing = () => Promise.reject(new Error('the disk is gone'));
    await expect(chooseReads(failing)).rejects.toThrow('the disk is gone');
  });
});
