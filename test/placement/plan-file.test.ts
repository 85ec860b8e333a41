import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InvalidFileError, placement } from '../../lib/index.js';
import { packageRoot } from '../support/fixtures.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { problemsOf } from './json-schema.js';
import { topicalTrace } from './routes.js';

const trace = topicalTrace({ layers: 2, experts: 4, k: 2 }, 2);
const plans = [
  await placement.plan(trace, { gpus: 2 }, { holdout: 0.4, hiddenSize: 16 }),
  await placement.plan(trace, { gpus: 2 }, { replicas: 6, objective: 'fused', timeLimit: 1, seed: 2n ** 60n }),
  await placement.plan(topicalTrace({ layers: 2, experts: 4, k: 2, ranked: false }, 2), { gpus: 4, nodes: 2 }),
];

const schema = JSON.parse(readFileSync(join(packageRoot, 'docs/plan.schema.json'), 'utf8'));

describe('a plan as a file', () => {
  it.each(plans.map((plan, at) => [at, plan] as const))('%i is as the schema says', (_, plan) => {
    const stored = JSON.parse(placement.formatPlan(plan, 'moeflow'));
    expect(problemsOf(stored, schema)).toEqual([]);
    // And the schema does say something.
    const { gap, ...metadata } = stored.metadata;
    expect(problemsOf({ ...stored, gpus: 0, metadata: { ...metadata, status: 'done' } }, schema)).toEqual([
      '/gpus: is below 1',
      '/metadata/status: is none of optimal,settled,time limit',
    ]);
  });

  it('is read back as it was', async () => {
    const path = join(temporaryDirectory(), 'plan.json');
    for (const plan of plans) {
      writeFileSync(path, placement.formatPlan(plan, 'moeflow'));
      const read = await placement.readPlan(path);
      expect(read).toEqual(JSON.parse(JSON.stringify(plan)));
    }
    expect((await placement.evaluate(await placement.readPlan(path), trace)).tokens).toBe(480);
  });

  it('that is wrong is an error with its place', () => {
    const [plan] = plans as [placement.Plan];
    const wrong = (changed: object, message: string) => {
      const parse = () => placement.parsePlan(JSON.stringify({ ...plan, ...changed }), 'a.json');
      expect(parse).toThrow(InvalidFileError);
      expect(parse).toThrow(`a.json: ${message}`);
    };
    expect(() => placement.parsePlan('{', 'a.json')).toThrow('a.json: not JSON');
    expect(() => placement.parsePlan('null')).toThrow('plan: not a plan');
    wrong({ format: 'other' }, 'not a plan: "format" must be "moeflow-plan"');
    wrong({ version: 2 }, 'version 2 of the format is not known');
    wrong({ gpus: 1.5 }, '"gpus" must be an integer of at least 1');
    wrong({ nodes: 3 }, '2 GPUs do not divide by 3 nodes');
    wrong({ layers: 3 }, '"layers" is 3, but placement has 2');
    wrong({ experts: 5 }, '"experts" is 5, but placement[0] has 4');
    wrong({ placement: [[0, 1, 0, 1]] }, '"layers" is 2, but placement has 1');
    wrong(
      {
        placement: [
          [0, 1, 0, 1],
          [0, 1],
        ],
      },
      'placement[1] has 2 experts, but placement[0] has 4',
    );
    wrong(
      {
        placement: [
          [0, 1, 0, 2],
          [0, 1, 0, 1],
        ],
      },
      'placement[0][3] is GPU 2, but there are 2',
    );
    wrong(
      {
        placement: [
          [0, 1, 0, '1'],
          [0, 1, 0, 1],
        ],
      },
      'placement[0][3] must be a GPU',
    );
    wrong({ placement: 7 }, 'placement must be an array of layers');
    wrong({ evaluation: 1 }, '"evaluation" must be an object');
  });
});

describe('a plan for other programs', () => {
  const plain = {
    gpus: 2,
    experts: 4,
    placement: [
      [0, 1, 1, 0],
      [1, 1, 0, 0],
    ],
  };
  const copied = { gpus: 2, experts: 3, placement: [[[0, 1], 1, 0]] };

  it('for SGLang lists the experts of all places, those of GPU 0 first', () => {
    expect(JSON.parse(placement.formatPlan(plain, 'sglang'))).toEqual({
      physical_to_logical_map: [
        [0, 3, 1, 2],
        [2, 3, 0, 1],
      ],
    });
    expect(JSON.parse(placement.formatPlan(copied, 'sglang', 2)).physical_to_logical_map).toEqual([
      [0, 1, 2, 0],
      [0, 1, 2, 0],
      [0, 2, 0, 1],
    ]);
  });

  it('for EPLB and vLLM has all three maps', () => {
    expect(JSON.parse(placement.formatPlan(copied, 'eplb'))).toEqual({
      physical_to_logical_map: [[0, 2, 0, 1]],
      logical_to_physical_map: [
        [
          [0, 2],
          [3, -1],
          [1, -1],
        ],
      ],
      logical_replica_count: [[2, 1, 1]],
    });
  });

  it('for ExFlow is a line per expert', () => {
    expect(placement.formatPlan(plain, 'exflow')).toBe('Expert,Node\n0,0\n1,1\n2,1\n3,0\n4,1\n5,1\n6,0\n7,0\n');
    expect(() => placement.formatPlan(copied, 'exflow')).toThrow('layer 0, expert 0 has 2 copies');
  });

  it('with places needs as many on each GPU', () => {
    const uneven = { gpus: 2, experts: 3, placement: [[0, 1, 0]] };
    expect(() => placement.formatPlan(uneven, 'sglang')).toThrow('layer 0 has 2 experts on GPU 0 and 1 on GPU 1');
  });
});
