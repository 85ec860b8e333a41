/** Pages in a real browser, where there is one. */

import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

export const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
});

export interface Rendered {
  html: string;
  console: string[];
}

/** The page's HTML after its scripts have run, and what they wrote to the console. */
export function render(file: string, dark: boolean): Rendered {
  const { stdout, stderr } = spawnSync(chromium as string, flags(`file://${file}`, dark, 2000), {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return rendered(stdout, stderr);
}

/** The same of a page that this process serves, `seconds` after it was opened. */
export async function renderServed(url: string, dark: boolean, seconds: number): Promise<Rendered> {
  const { stdout, stderr } = await promisify(execFile)(chromium as string, flags(url, dark, 1000 * seconds), {
    encoding: 'utf8',
    timeout: 25_000,
    maxBuffer: 2 ** 25,
  });
  return rendered(stdout, stderr);
}

function flags(url: string, dark: boolean, milliseconds: number): string[] {
  const scheme = `--blink-settings=preferredColorScheme=${dark ? 0 : 1}`;
  const budget = `--virtual-time-budget=${milliseconds}`;
  return ['--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr', budget, scheme, '--dump-dom', url];
}

function rendered(html: string, errors: string): Rendered {
  return { html, console: errors.split('\n').filter((line) => line.includes('CONSOLE')) };
}
