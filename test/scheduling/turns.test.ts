import { describe, expect, it } from 'vitest';
import { type Habit, Turns } from '../../lib/scheduling/turns.js';

const shape = { layers: 1, experts: 8, k: 2 };

/** Two kinds of sequences, one by one, that never share an expert. */
function sequences(turns: Turns, count: number) {
  return Array.from({ length: count }, (_, number) => {
    const route = Int32Array.from(number % 2 ? [0, 1] : [6, 7]);
    const habit = turns.habit();
    // A prompt of four tokens.
    habit?.add(Int32Array.from([...route, ...route, ...route, ...route]));
    return { number, lastTurn: -1, priority: 0, habit, route };
  });
}

function run(turns: Turns, all: ReturnType<typeof sequences>, steps: number, most: number): number[][] {
  let turn = 0;
  return Array.from({ length: steps }, () => {
    const chosen = turns.choose(all, most);
    for (const one of chosen) {
      one.lastTurn = turn++;
      one.habit?.add(one.route);
    }
    turns.stepped(
      true,
      1,
      chosen.map(({ route }) => route),
    );
    return chosen.map(({ number }) => number);
  });
}

describe('turns', () => {
  it('go by waiting, or by the experts that sequences share, and tell how many experts that takes', () => {
    const fifo = new Turns('fifo', shape);
    expect(fifo.habit()).toBeUndefined();
    run(fifo, sequences(fifo, 8), 32, 4);
    expect(fifo.stats()).toMatchObject({ policy: 'fifo', choices: { fifo: { steps: 32, expertsPerStep: 4 } } });

    const regroup = new Turns('regroup', shape);
    const steps = run(regroup, sequences(regroup, 8), 32, 4);
    expect(regroup.stats()).toMatchObject({
      policy: 'regroup',
      choices: { fifo: { steps: 0 }, regroup: { steps: 32, expertsPerStep: 2 } },
    });
    const turnsOf = new Array<number>(8).fill(0);
    for (const number of steps.flat()) turnsOf[number] = (turnsOf[number] as number) + 1;
    expect(turnsOf).toEqual(new Array(8).fill(16));
  });

  it('are everybody’s where all fit', () => {
    const turns = new Turns('regroup', shape);
    const all = sequences(turns, 4);
    expect(turns.choose(all, 4)).toBe(all);
  });

  it('are given to sequences of which nothing is known yet, too', () => {
    const turns = new Turns('regroup', shape);
    const all = sequences(turns, 6).map((one) => ({ ...one, habit: new Turns('regroup', shape).habit() as Habit }));
    const served = new Set(run(turns, all, 8, 3).flat());
    expect(served.size).toBe(6);
  });
});
