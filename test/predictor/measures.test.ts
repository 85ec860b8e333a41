import { describe, expect, it } from 'vitest';
import { Measuring, mostProbable, UnionMeasuring } from '../../predictor/measures.js';

const shape = { layers: 1, experts: 4, expertsUsed: 2 };

describe('recall and precision by experts fetched', () => {
  it('follow from the ranks of what was used', () => {
    const measuring = new Measuring(shape);
    // Order 2, 0, 3, 1; used are 2 and 1: the first and the last.
    measuring.add(Float32Array.of(0.6, 0.1, 0.9, 0.3), Float32Array.of(0, 1, 1, 0));
    // Order 0, 1, 2, 3, by number where scores are equal; used are 0 and 1.
    measuring.add(Float32Array.of(0.5, 0.5, 0.5, 0.5), Float32Array.of(1, 1, 0, 0));
    const { recallAt, precisionAt, recallByLayer, rows } = measuring.result();
    expect(rows).toBe(2);
    expect(recallAt).toEqual([0, 2 / 4, 3 / 4, 3 / 4, 1]);
    expect(precisionAt).toEqual([1, 2 / 2, 3 / 4, 3 / 6, 4 / 8]);
    expect(recallByLayer).toEqual([3 / 4]);
  });

  it('are by layer too', () => {
    const measuring = new Measuring({ layers: 2, experts: 2, expertsUsed: 1 });
    measuring.add(Float32Array.of(0.9, 0.1, 0.9, 0.1), Float32Array.of(1, 0, 0, 1));
    expect(measuring.result().recallByLayer).toEqual([1, 0]);
  });

  it('of nothing are no numbers out of nowhere', () => {
    const { rows, recallAt, calibrationError } = new Measuring(shape).result();
    expect([rows, ...recallAt, calibrationError]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('calibration', () => {
  it('compares what was predicted with how often it came true', () => {
    const measuring = new Measuring({ layers: 1, experts: 4, expertsUsed: 1 });
    // Four times .25, true once: exact. Four times 1, true once: .75 too high.
    measuring.add(Float32Array.of(0.25, 0.25, 0.25, 0.25), Float32Array.of(0, 0, 1, 0));
    measuring.add(Float32Array.of(1, 1, 1, 1), Float32Array.of(0, 0, 1, 0));
    const { calibration, calibrationError } = measuring.result();
    expect(calibration[2]).toEqual({ predictions: 4, predicted: 0.25, observed: 0.25 });
    expect(calibration[9]).toEqual({ predictions: 4, predicted: 1, observed: 0.25 });
    expect(calibrationError).toBeCloseTo(0.375, 12);
  });
});

describe('recall of what a batch uses', () => {
  it('is of the union: one token may find what another needs', () => {
    const union = new UnionMeasuring({ layers: 1, experts: 4, expertsUsed: 1 }, 1);
    // Predicted: 0 and 1. Used: 1 and 2.
    union.add(Float32Array.of(0.9, 0, 0, 0, 0, 0.9, 0, 0), Float32Array.of(0, 1, 0, 0, 0, 0, 1, 0));
    expect(union.result()).toEqual({ recall: 1 / 2, precision: 1 / 2 });
  });

  it('is the mean over layers and batches', () => {
    const union = new UnionMeasuring({ layers: 2, experts: 2, expertsUsed: 1 }, 1);
    union.add(Float32Array.of(0.9, 0, 0.9, 0), Float32Array.of(1, 0, 0, 1));
    union.add(Float32Array.of(0.9, 0, 0.9, 0), Float32Array.of(1, 0, 1, 0));
    expect(union.result().recall).toBe(3 / 4);
  });
});

it('the most probable experts come with the highest first, of equal ones the lower number', () => {
  expect(mostProbable(Float32Array.of(9, 9, 0.2, 0.7, 0.7, 0.1), 2, 4, 3)).toEqual([1, 2, 0]);
});
