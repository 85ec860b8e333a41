/** The network as TensorFlow.js trains it, and as it runs natively. */

import { beforeAll, describe, expect, it } from 'vitest';
import { nativeAddon } from '../../lib/native/addon.js';
import type { NativeRouteBatch } from '../../lib/native/prediction.js';
import { uniforms } from '../../lib/random.js';
import { type TensorFlow, tensorFlow } from '../../predictor/backend.js';
import { type RouteRows, readRoutes } from '../../predictor/dataset.js';
import { initialWeights } from '../../predictor/initial-weights.js';
import { lossAndGradients, networkInput, probabilities, rowsOfTokens } from '../../predictor/network.js';
import { type RouteWeights, routeViews, sizesOf, type WeightName, weightShapes } from '../../predictor/weights.js';
import { ruledTrace, shape } from './made-up-routes.js';

let tf: TensorFlow;
let routes: RouteRows;
let weights: RouteWeights;
const rows = Int32Array.from({ length: 12 }, (_, i) => 5 * i);

beforeAll(async () => {
  ({ tf } = await tensorFlow('wasm'));
  routes = await readRoutes(ruledTrace({ sequences: 2, tokens: 40 }), 'none');
  const sizes = { ...routes.shape, tokenWidth: 5, hidden: 7, tokens: Int32Array.of(0, 2, 3, 5, 9) };
  const popularity = new Float64Array(shape.layers * shape.experts).fill(0.25);
  // Of so few that some ids are not among them.
  const table = routes.dataset.learnTable(Int32Array.from({ length: 15 }, (_, i) => i));
  expect(table.tableTokens.length).toBeLessThan(12);
  weights = initialWeights(sizes, table, popularity, 4);
  // Nothing may be at nought, where mistakes do not show.
  const random = uniforms(9);
  for (const name of Object.keys(weightShapes(sizesOf(weights))) as WeightName[]) {
    weights[name] = weights[name].map((value) => value + random() - 0.5);
  }
});

const inputOf = (which: Int32Array) => networkInput(routes.dataset.batch(which), rowsOfTokens(weights.tokens));
/** As a predictor is asked: its table is rounded, and nothing is left out of it. */
function asAsked(batch: NativeRouteBatch): NativeRouteBatch {
  const outputs = shape.layers * shape.experts;
  const views = batch.views.slice();
  const tableRows = Array.from(batch.tokens, (token) => weights.tableTokens.indexOf(token) + 1);
  tableRows.forEach((tableRow, row) => {
    const means = weights.table.subarray(tableRow * outputs, (tableRow + 1) * outputs);
    views.set(
      Float32Array.from(means, (mean) => mean / 255),
      (routeViews.indexOf('table') * tableRows.length + row) * outputs,
    );
  });
  return { ...batch, views, tableBuckets: Int32Array.from(tableRows, (row) => weights.tableBuckets[row] as number) };
}

const ones = (count: number) => new Float32Array(count).fill(1);
const keepAll = () => ({ hidden: ones(12 * 7), current: ones(12 * 5), previous: ones(12 * 5) });

describe('the network', () => {
  it('gives natively what it gives in TensorFlow.js, within 1e-4', () => {
    const batch = asAsked(routes.dataset.batch(rows));
    expect(new Set(batch.tableBuckets).size).toBeGreaterThan(2);
    const both = probabilities(tf, weights, networkInput(batch, rowsOfTokens(weights.tokens)));
    const predictor = new (nativeAddon().RoutePredictor)(weights);
    const outputs = shape.layers * shape.experts;
    [routes.dataset.predict(predictor, rows), routes.dataset.predictLater(predictor, rows)].forEach((native, head) => {
      const expected = both.filter((_, i) => Math.floor(i / outputs) % 2 === head);
      expect(native).toHaveLength(expected.length);
      expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.5);
      native.forEach((chance, i) => {
        expect(Math.abs(chance - (expected[i] as number)), `head ${head}`).toBeLessThan(1e-4);
      });
    });
  });

  it('has the loss that its probabilities have', () => {
    const { targets, later } = routes.dataset.batch(rows);
    const outputs = shape.layers * shape.experts;
    const chances = probabilities(tf, weights, inputOf(rows));
    const losses = Array.from(chances, (p, i) => {
      const row = Math.floor(i / (2 * outputs));
      const of = Math.floor(i / outputs) % 2 === 0 ? targets : later;
      const target = of[row * outputs + (i % outputs)] as number;
      return -target * Math.log(p) - (1 - target) * Math.log(1 - p);
    });
    const expected = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    expect(lossAndGradients(tf, weights, inputOf(rows), keepAll()).loss).toBeCloseTo(expected, 4);
  });

  it('has gradients that are the slopes of its loss', () => {
    // Dropout is in the way back too.
    const random = uniforms(3);
    const kept = {
      hidden: ones(12 * 7).map(() => (random() < 0.3 ? 0 : 1.5)),
      current: ones(60).map(() => (random() < 0.3 ? 0 : 1.5)),
      previous: ones(60).map(() => (random() < 0.3 ? 0 : 1.5)),
    };
    const input = inputOf(rows);
    const { gradients } = lossAndGradients(tf, weights, input, kept);
    const lossWith = (name: WeightName, at: number, change: number) => {
      const values = weights[name].slice();
      values[at] = (values[at] as number) + change;
      return lossAndGradients(tf, { ...weights, [name]: values }, input, kept).loss;
    };
    let compared = 0;
    for (const name of Object.keys(gradients) as WeightName[]) {
      const isTable = name === 'current' || name === 'previous';
      const tableRows = name === 'current' ? input.currentRows : input.previousRows;
      // There are more views than other things.
      for (let i = 0; i < (name === 'direct' || name === 'views' ? 30 : 6); i++) {
        const at = Math.floor(random() * weights[name].length);
        const [up, here, down] = [0.01, 0, -0.01].map((change) => lossWith(name, at, change)) as [
          number,
          number,
          number,
        ];
        // Where a hidden value passes nought there is no slope.
        if (Math.abs(up - 2 * here + down) > 0.1 * Math.abs(up - down) + 1e-6) continue;
        const slope = (up - down) / 0.02;
        compared++;
        // A table's gradients are of the batch's rows, which may be the same row of the table several times.
        const row = Math.floor(at / 5);
        const gradient = isTable
          ? tableRows.reduce(
              (sum, r, place) => sum + (r === row ? (gradients[name][place * 5 + (at % 5)] as number) : 0),
              0,
            )
          : (gradients[name][at] as number);
        expect(Math.abs(gradient - slope), `${name}[${at}]`).toBeLessThan(1e-4 + 0.02 * Math.abs(slope));
      }
    }
    expect(compared).toBeGreaterThan(90);
  });

  it('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    lossAndGradients(tf, weights, inputOf(rows), keepAll());
    probabilities(tf, weights, inputOf(rows));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('takes the row of unknown tokens for ids that it has not learned', () => {
    expect(rowsOfTokens(Int32Array.of(4, 7)).get(5)).toBeUndefined();
    expect(Array.from(inputOf(rows).currentRows).some((row) => row === 0)).toBe(true);
  });
});

describe('native weights', () => {
  it('are refused when an array has the wrong size or is not finite', () => {
    const make = (change: Partial<RouteWeights>) => () => new (nativeAddon().RoutePredictor)({ ...weights, ...change });
    expect(make({ output: weights.output.slice(1) })).toThrow(/output has \d+ values, not \d+/);
    expect(make({ hiddenBias: weights.hiddenBias.map((x, i) => (i === 3 ? Number.NaN : x)) })).toThrow(
      /value 3 of hidden_bias is -?nan/,
    );
    expect(make({ tokens: Int32Array.of(1, 1, 2, 3, 4) })).toThrow(/must rise/);
    expect(make({ tableTokens: weights.tableTokens.toReversed() })).toThrow(/must rise/);
    expect(make({ table: weights.table.slice(1) })).toThrow(/table has \d+ values, not \d+/);
    expect(make({ tableBuckets: weights.tableBuckets.slice(1) })).toThrow(/table_buckets has \d+ values, not \d+/);
    expect(make({ tableBuckets: weights.tableBuckets.map((b, i) => (i === 2 ? 5 : b)) })).toThrow(
      /value 2 of table_buckets is 5, must be below 5/,
    );
    expect(make({ table: new Float32Array(weights.table) as never })).toThrow(/table must be a Uint8Array/);
    expect(make({ hidden: 0 })).toThrow(/hidden/);
    expect(make({ views: undefined as never })).toThrow(/views must be a Float32Array/);
    expect(make({})).not.toThrow();
  });

  it('must be of the shape that the rows have', () => {
    const other = initialWeights(
      { ...routes.shape, layers: 2, tokenWidth: 5, hidden: 7, tokens: Int32Array.of(1) },
      { tableTokens: new Int32Array(), table: new Uint8Array(16), tableBuckets: new Uint8Array(1) },
      new Float64Array(16).fill(0.2),
      1,
    );
    const predictor = new (nativeAddon().RoutePredictor)(other);
    expect(() => routes.dataset.predict(predictor, rows)).toThrow(/2 layers of 8 experts with 2 per token.*3 layers/);
    expect(() => routes.dataset.predict({} as never, rows)).toThrow(/must be a RoutePredictor/);
  });
});
