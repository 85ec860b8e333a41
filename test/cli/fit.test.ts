import { describe, expect, it } from 'vitest';
import { demoModel } from '../support/fixtures.js';
import { moeflow } from './command.js';

describe('fit', () => {
  it('says how a budget would be spent, part by part, and how many experts have a place', async () => {
    const { code, output, errors } = await moeflow(['fit', demoModel, '--ram', '106MiB']);
    expect([code, errors]).toEqual([0, '']);
    expect(output).toMatch(/^the process itself +[\d.]+ MiB$/m);
    // 8 layers, keys and values of 2 heads of 64 in float16, 2,048 tokens.
    expect(output).toMatch(/^key\/value cache +8\.00 MiB$/m);
    expect(output).toMatch(/^experts +[\d.]+ MiB +\d+ of 256 \([\d.]+ %\)$/m);
    expect(output).toMatch(/^in all +[\d.]+ MiB +of a budget of 106 MiB$/m);
  });

  it('as JSON adds up to the budget at most', async () => {
    const { output } = await moeflow(['fit', demoModel, '--ram', '100MiB', '--context', '256', '--json']);
    const { budgetBytes, expertSlots, experts, allExperts, budgetChosen, kvCacheTokens, ...parts } = JSON.parse(output);
    expect(kvCacheTokens).toBe(256);
    expect([budgetBytes, experts, allExperts, budgetChosen]).toEqual([100 * 2 ** 20, 256, false, false]);
    expect(expertSlots).toBeGreaterThan(4);
    expect(expertSlots).toBeLessThan(256);
    const sum = Object.values(parts as Record<string, number>).reduce((total, bytes) => total + bytes);
    expect(sum).toBeLessThanOrEqual(budgetBytes);
    // 8 layers x 2 x 2 heads x 64 x 2 bytes x 256 tokens
    expect(parts.kvCacheBytes).toBe(8 * 2 * 2 * 64 * 2 * 256);
  });

  it('counts the memory of an emulated device in', async () => {
    const { output } = await moeflow(['fit', demoModel, '--ram', '106MiB', '--device', 'emulated', '--vram', '2MiB']);
    expect(output).toMatch(/^experts on the emulated device +2\.00 MiB$/m);
    const sizes = [...output.matchAll(/([\d.]+) MiB$/gm)].map(([, size]) => Number(size));
    const experts = Number(/^experts +([\d.]+) MiB/m.exec(output)?.[1]);
    const total = Number(/^in all +([\d.]+) MiB/m.exec(output)?.[1]);
    const parts = sizes.slice(0, -1).reduce((sum, size) => sum + size, experts);
    expect(total).toBeCloseTo(parts, 0);
  });

  it('says of a model that fits in what is free that all experts have a place', async () => {
    const { output } = await moeflow(['fit', demoModel]);
    expect(output).toMatch(/^experts +25\.5 MiB +all 256$/m);
    expect(output).toMatch(/fits in what is free$/m);
  });

  it('fails for a budget that is too small, with the smallest that works; that one fits', async () => {
    const { code, output, errors } = await moeflow(['fit', demoModel, '--ram', '20MiB']);
    expect([code, output]).toEqual([1, '']);
    const smallest = Number(/at least (\d+) MiB are needed/.exec(errors)?.[1]);
    // Some more, as the process is not the same size each time.
    expect((await moeflow(['fit', demoModel, '--ram', `${smallest + 3}MiB`])).code).toBe(0);
  });

  it('of a file that is none is an error', async () => {
    const { code, errors } = await moeflow(['fit', import.meta.filename]);
    expect(code).toBe(1);
    expect(errors).toContain('fit.test.ts');
  });
});
