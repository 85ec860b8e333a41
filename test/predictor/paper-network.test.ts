import { beforeAll, describe, expect, test } from 'vitest';
import { uniforms } from '../../lib/random.js';
import { type TensorFlow, tensorFlow } from '../../predictor/backend.js';
import { gaussian } from '../../predictor/initial-weights.js';
import { bucketOf } from '../../predictor/paper/distances.js';
import { type PaperInput, paperGradients, paperProbabilities, paperTensors } from '../../predictor/paper/network.js';
import {
  defaultSizes,
  initialPaperWeights,
  type PaperWeights,
  paperShapes,
  tableName,
} from '../../predictor/paper/weights.js';
import { sizeOf } from '../../predictor/weights.js';

const tiny = { width: 6, blocks: 2, heads: 2, headWidth: 3, inner: 5, layers: 2, experts: 4, expertsUsed: 1 };
const tokens = Int32Array.of(3, 5, 8, 13);
const input: PaperInput = { prompt: Int32Array.of(1, 2, 0), decoded: Int32Array.of(3, 1, 4, 1, 2) };

let tf: TensorFlow;
beforeAll(async () => {
  ({ tf } = await tensorFlow('wasm'));
});

/** Weights that are all somewhere between, so that nothing is hidden by a zero or a one. */
function someWeights(seed = 1): PaperWeights {
  const weights = initialPaperWeights(tiny, tokens, seed);
  const random = uniforms(seed + 100);
  for (const array of Object.values(weights.arrays)) {
    array.forEach((value, i) => {
      array[i] = value + 0.2 * gaussian(random);
    });
  }
  return weights;
}

function predict(weights: PaperWeights, what: PaperInput): Float32Array {
  const tensors = paperTensors(tf, weights);
  const scores = paperProbabilities(tf, weights, tensors, what);
  tf.dispose(tensors);
  return scores;
}

/** One expert each at both layers, but for one token at one layer. */
function someTargets(): Float32Array {
  const targets = new Float32Array(input.decoded.length * 8);
  input.decoded.forEach((row, i) => {
    targets[i * 8 + (row % 4)] = 1;
    if (i !== 2) targets[i * 8 + 4 + ((row + i) % 4)] = 1;
  });
  return targets;
}

describe('the sizes', () => {
  test("are t5-small's of width 32: 3,782,144 parameters without the head", () => {
    const shapes = paperShapes({ ...defaultSizes, layers: 24, experts: 32, expertsUsed: 4, vocabulary: 32_128 });
    const { head, ...others } = shapes;
    expect(head).toEqual([32, 24 * 32]);
    expect(Object.values(others).reduce((sum, shape) => sum + sizeOf(shape), 0)).toBe(3_782_144);
  });
});

describe('buckets of distances', () => {
  // _relative_position_bucket of Hugging Face's T5, by hand from its formula: exact up to 7 and 15, then by logarithm to 128.
  test.each([
    [0, 0, 0],
    [-1, 1, 1],
    [1, 17, 0],
    [-7, 7, 7],
    [-8, 8, 8],
    [7, 23, 0],
    [-15, 9, 15],
    [-16, 10, 16],
    [16, 26, 0],
    [-32, 12, 21],
    [-64, 14, 26],
    [-127, 15, 31],
    [-500, 15, 31],
    [500, 31, 0],
  ])('distance %i is in %i of both ways, in %i looking back', (distance, both, back) => {
    expect(bucketOf(distance, false)).toBe(both);
    expect(bucketOf(distance, true)).toBe(back);
  });
});

describe('the gradients', () => {
  test('are those of finite differences, for every array', () => {
    const weights = someWeights();
    const targets = someTargets();
    // Five tokens at two layers, of which one was not recorded.
    const counted = 9;
    const gradientsOf = () => {
      const tensors = paperTensors(tf, weights);
      const { loss, gradients } = paperGradients(tf, weights, tensors, input, targets, counted);
      tf.dispose(tensors);
      return { loss, gradients };
    };
    const { loss, gradients } = gradientsOf();
    expect(loss).toBeCloseTo(lossByHand(predict(weights, input), targets, counted), 4);
    const table = new Float32Array((tokens.length + 1) * tiny.width);
    const summed: Record<string, Float32Array> = { ...gradients, [tableName]: table };
    [...input.prompt, ...input.decoded].forEach((row, i) => {
      for (let at = 0; at < tiny.width; at++) {
        const to = row * tiny.width + at;
        table[to] = (table[to] as number) + (gradients[tableName]?.[i * tiny.width + at] as number);
      }
    });
    const random = uniforms(7);
    for (const [name, array] of Object.entries(weights.arrays)) {
      // Along a direction of chance, which all values have a part in.
      const direction = array.map(() => gaussian(random));
      const before = array.slice();
      const lossAt = (far: number) => {
        array.forEach((_, i) => {
          array[i] = (before[i] as number) + far * (direction[i] as number);
        });
        const changed = lossByHand(predict(weights, input), targets, counted);
        array.set(before);
        return changed;
      };
      const far = 2e-3;
      const measured = (lossAt(far) - lossAt(-far)) / (2 * far);
      const computed = direction.reduce((sum, value, i) => sum + value * (summed[name]?.[i] as number), 0);
      expect(Math.abs(measured - computed), `${name}: ${measured} and ${computed}`).toBeLessThan(
        0.02 * Math.abs(computed) + 2e-3,
      );
    }
    expect(Object.keys(gradients).sort()).toEqual(Object.keys(weights.arrays).sort());
  });

  test('leave no tensors behind', () => {
    const weights = someWeights();
    const before = tf.memory().numTensors;
    const tensors = paperTensors(tf, weights);
    paperGradients(tf, weights, tensors, input, someTargets(), 9, (size) => new Float32Array(size).fill(1));
    paperProbabilities(tf, weights, tensors, input);
    tf.dispose(tensors);
    expect(tf.memory().numTensors).toBe(before);
  });
});

/** Binary cross-entropy from probabilities, in double precision. */
function lossByHand(scores: Float32Array, targets: Float32Array, counted: number): number {
  let sum = 0;
  for (let at = 0; at < scores.length; at += tiny.experts) {
    const wanted = targets.subarray(at, at + tiny.experts);
    if (!wanted.includes(1)) continue;
    wanted.forEach((used, i) => {
      const score = scores[at + i] as number;
      sum -= Math.log(used > 0 ? score : 1 - score);
    });
  }
  return sum / counted;
}

describe('a prediction', () => {
  test('depends on the prompt and the tokens before, not on those that follow', () => {
    const weights = someWeights();
    const whole = predict(weights, input);
    const begin = 3 * 8;
    const otherEnd = predict(weights, { ...input, decoded: Int32Array.of(3, 1, 4, 2, 4) });
    expect([...otherEnd.subarray(0, begin)]).toEqual([...whole.subarray(0, begin)]);
    expect([...otherEnd.subarray(begin)]).not.toEqual([...whole.subarray(begin)]);
    const cut = predict(weights, { ...input, decoded: input.decoded.subarray(0, 3) });
    cut.forEach((score, i) => {
      expect(score).toBeCloseTo(whole[i] as number, 6);
    });
    const last = whole.length - 8;
    const otherBeginning = predict(weights, { ...input, decoded: Int32Array.of(2, 1, 4, 1, 2) });
    const otherPrompt = predict(weights, { ...input, prompt: Int32Array.of(1, 3, 0) });
    for (const other of [otherBeginning, otherPrompt]) {
      expect(Math.abs((other[last] as number) - (whole[last] as number))).toBeGreaterThan(1e-5);
    }
  });

  test('depends on the order of the prompt', () => {
    const weights = someWeights();
    const turned = predict(weights, { ...input, prompt: Int32Array.of(0, 2, 1) });
    const scores = predict(weights, input);
    expect(Math.max(...turned.map((score, i) => Math.abs(score - (scores[i] as number))))).toBeGreaterThan(1e-5);
  });
});
