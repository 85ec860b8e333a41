/** Pages in a real browser, where there is one. */

import { spawnSync } from 'node:child_process';

export const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
});

/** The page's HTML after its scripts have run, and what they wrote to the console. */
export function render(file: string, dark: boolean): { html: string; console: string[] } {
  const scheme = `--blink-settings=preferredColorScheme=${dark ? 0 : 1}`;
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--enable-logging=stderr',
    '--virtual-time-budget=2000',
  ];
  const { stdout, stderr } = spawnSync(chromium as string, [...flags, scheme, '--dump-dom', `file://${file}`], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { html: stdout, console: stderr.split('\n').filter((line) => line.includes('CONSOLE')) };
}
