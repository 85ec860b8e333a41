import { describe, expect, it } from 'vitest';
import { demo, start } from './command.js';

/** Some thousand tokens: longer than a test waits. */
const endless = ['generate', ...demo, '--ignore-eos', '--temperature', '1', '--seed', '1', 'class Model:'];

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, exitCode) => {
  it('ends a generation at once, without a word', async () => {
    const command = start([...endless]);
    await command.firstOutput;
    const sent = performance.now();
    command.process.kill(signal);
    const ended = await command.ended;
    expect(ended).toMatchObject({ code: exitCode, signal: null, errors: '' });
    expect(performance.now() - sent).toBeLessThan(2000);
  });

  it('ends the wait for a prompt', async () => {
    const command = start(['generate', ...demo]);
    // More than the system keeps in a pipe, so it is taken only once the command reads.
    await new Promise((taken) => command.process.stdin.write('x'.repeat(1 << 20), taken));
    command.process.kill(signal);
    const ended = await command.ended;
    expect(ended).toMatchObject({ code: exitCode, signal: null, errors: '' });
    expect(ended.output).toBe('');
  });
});

describe('a reader that goes away', () => {
  it('ends a generation quietly', async () => {
    const command = start([...endless]);
    await command.firstOutput;
    command.process.stdout.destroy();
    expect(await command.ended).toMatchObject({ code: 0, signal: null, errors: '' });
  });

  it.each([['--help'], ['inspect', ...demo.slice(1)]])('ends "%s" quietly', async (...words) => {
    const command = start(words);
    command.process.stdout.destroy();
    expect(await command.ended).toMatchObject({ code: 0, signal: null, errors: '' });
  });
});
