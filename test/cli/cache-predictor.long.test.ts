import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { moeflow } from './command.js';
import { writeTrained } from './trained-predictor.js';

describe('cache --predictor', () => {
  it('says what a trained predictor is worth', async () => {
    const folder = temporaryDirectory();
    const { trace, predictor } = await writeTrained(folder, 40, 20);
    const words = ['cache', trace, '--slots', '12', '--policy', 'plec', '--holdout', '0.2'];
    const [alone] = JSON.parse((await moeflow([...words, '--json'])).output);
    const [told] = JSON.parse((await moeflow([...words, '--json', '--predictor', predictor])).output);
    expect(told.tokens).toBe(alone.tokens);
    expect(alone.hitRate).toBeLessThan(0.6);
    // Its recall is above .97, and what it names has places: 6 of 12 may be fetched ahead, and 6 are used by a token.
    expect(told.hitRate).toBeGreaterThan(0.9);
    const html = join(folder, 'report.html');
    const shown = await moeflow([...words, '--predictor', predictor, '--html', html]);
    expect(shown.output).toMatch(/fetched ahead +hits by that +wasted$/m);
    expect(readFileSync(html, 'utf8')).toContain('routes.predictor, fetched from a probability of 0.5 on');
  });
});
