import { describe, expect, it } from 'vitest';
import { uniforms } from '../../lib/random.js';
import { firstTrial, nextTrial, type SchedulingPolicy } from '../../lib/scheduling/policy-trial.js';

/** How often each policy is used in so many steps, whose times differ from the mean by up to `noise`. */
function use(seconds: Record<SchedulingPolicy, number>, steps: number, noise = 0) {
  const random = uniforms(1);
  const uses = { fifo: 0, regroup: 0 };
  let trial = firstTrial;
  for (let step = 0; step < steps; step++) {
    uses[trial.policy]++;
    trial = nextTrial(trial, seconds[trial.policy] * (1 + noise * (2 * random() - 1)));
  }
  return { ...uses, best: trial.best };
}

describe('the trial of scheduling policies', () => {
  it('finds the one with the faster steps, and uses it nearly always', () => {
    const regroups = use({ fifo: 1, regroup: 0.9 }, 20_000, 0.3);
    expect(regroups.best).toBe('regroup');
    expect(regroups.regroup / 20_000).toBeGreaterThan(0.93);
    const waits = use({ fifo: 1, regroup: 1.1 }, 20_000, 0.3);
    expect(waits.best).toBe('fifo');
    expect(waits.fifo / 20_000).toBeGreaterThan(0.93);
  });

  it('stays with what it has where there is no difference to speak of', () => {
    expect(use({ fifo: 1, regroup: 0.99 }, 5000).best).toBe('fifo');
    expect(use({ fifo: 1, regroup: 1 }, 20_000, 0.05).best).toBe('fifo');
  });

  it('tries both again, the more seldom the longer nothing changes, and follows when they change', () => {
    let trial = firstTrial;
    const step = (seconds: Record<SchedulingPolicy, number>) => {
      trial = nextTrial(trial, seconds[trial.policy]);
    };
    for (let i = 0; i < 5000; i++) step({ fifo: 1, regroup: 0.8 });
    expect(trial.best).toBe('regroup');
    for (let i = 0; i < 20_000; i++) step({ fifo: 0.8, regroup: 1 });
    expect(trial.best).toBe('fifo');
  });

  it('is not misled by a few slow steps, nor by those with which a policy begins', () => {
    let trial = firstTrial;
    let last: SchedulingPolicy = 'fifo';
    let since = 0;
    for (let i = 0; i < 2000; i++) {
      since = trial.policy === last ? since + 1 : 0;
      last = trial.policy;
      const cold = since < 6 ? 5 : 1;
      trial = nextTrial(trial, (trial.policy === 'regroup' ? 0.9 : 1) * cold * (i % 17 === 0 ? 20 : 1));
    }
    expect(trial.best).toBe('regroup');
  });
});
