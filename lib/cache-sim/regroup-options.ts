/** Options of a comparison of groupings, and what is left out filled in. */

import type { Predictor } from '../../predictor/file/predictor-file.js';
import { InvalidArgumentError } from '../errors.js';
import { check, checkOptions } from '../options.js';
import { defaultLeastGain } from '../scheduling/regroup/next-batch.js';
import { checkHoldout } from '../trace/holdout.js';
import type { TraceHeader } from '../trace/trace.js';
import { type CompareCachesOptions, checkedOptions, simulatedPolicies, trainedChecks } from './options.js';
import type { PredictedSet } from './regroup-predicted.js';

export interface CompareGroupingsOptions
  extends Pick<CompareCachesOptions, 'slots' | 'bytes' | 'policies' | 'scope' | 'expertBytes' | 'promptTokens'> {
  /** Sequences that generate at a time. Default 16. */
  sequences?: number;
  /** Of these, those that a step computes. Default 8. */
  batch?: number;
  /** Steps that a batch goes on for before it is the next one's turn. Default 1. */
  turnSteps?: number;
  /** Of what batches in order would activate, the share that others must be expected to save. Default 0.02. */
  leastGain?: number;
  /** A trained predictor, or its file: groupings by what it expects are tried too. */
  predictor?: string | Predictor;
  /** Which experts of a layer are taken to be expected. Default: as many of the most probable ones as a token uses. */
  predictedSet?: PredictedSet;
  /** With a predictor: caches are told what it expects, and fetch ahead what is at least so probable. Default: they are not. */
  leastProbability?: number;
  /** Whether the best grouping of each round is found by trying all; for 16 sequences at most. Default false. */
  optimum?: boolean;
  /** Sequences begin in an order that is drawn with it: neighbours in a trace often have a subject in common. Default 0. */
  seed?: number | bigint;
  /** Only the sequences that are held out, for a predictor that has learned from the others. Default: all. */
  holdout?: CompareCachesOptions['holdout'];
  /** Ends the comparison with its reason. */
  signal?: AbortSignal;
}

const setChecks = { most: check.integer(1, 2 ** 16), leastProbability: check.number(0, 1) };

const optionChecks = {
  sequences: check.integer(2, 2 ** 14),
  batch: check.integer(1, 2 ** 14),
  turnSteps: check.integer(1, 2 ** 20),
  leastGain: check.number(0, 1),
  predictor: trainedChecks.predictor,
  predictedSet: (value: unknown, name: string) => {
    checkOptions(value, setChecks, name);
    if (Object.values(value as object).filter((one) => one !== undefined).length === 1) return;
    throw new InvalidArgumentError(`${name} must have either most or leastProbability`);
  },
  leastProbability: check.number(0, 1),
  optimum: check.boolean,
  seed: check.seed,
  holdout: checkHoldout,
  signal: check.signal,
  slots: () => {},
  bytes: () => {},
  policies: check.arrayOf(check.oneOf(...simulatedPolicies), 'policies'),
  scope: () => {},
  expertBytes: () => {},
  promptTokens: check.integer(1, 2 ** 20),
};

/** @throws InvalidArgumentError naming the option */
export function checkedGroupingOptions(options: CompareGroupingsOptions, trace: TraceHeader) {
  checkOptions(options, optionChecks, 'compareGroupings options');
  const {
    sequences = 16,
    batch = 8,
    predictor,
    predictedSet,
    leastProbability,
    optimum = false,
    slots,
    bytes,
  } = options;
  if (batch >= sequences) {
    throw new InvalidArgumentError(
      `batch must be less than sequences, or there is nothing to choose: ${batch} of ${sequences}`,
    );
  }
  if (predictor === undefined && (predictedSet !== undefined || leastProbability !== undefined)) {
    throw new InvalidArgumentError(
      `${predictedSet ? 'predictedSet' : 'leastProbability'} is of a predictor's probabilities: predictor is missing`,
    );
  }
  const { turnSteps = 1 } = options;
  if (optimum && (sequences > 16 || turnSteps > 1 || sequences % batch !== 0)) {
    throw new InvalidArgumentError(
      'optimum: all groupings are tried of 16 sequences at most, in full batches that take turns after each step',
    );
  }
  const { policies = ['plec', 'lru'], scope, expertBytes, promptTokens } = options;
  const hasCaches = (slots?.length ?? 0) + (bytes?.length ?? 0) > 0;
  return {
    sequences,
    batch,
    turnSteps,
    leastGain: options.leastGain ?? defaultLeastGain,
    predictor,
    predictedSet: predictedSet ?? { most: trace.k },
    leastProbability,
    optimum,
    seed: options.seed ?? 0,
    holdout: options.holdout,
    signal: options.signal,
    caches: hasCaches
      ? checkedOptions({ slots, bytes, policies, scope, expertBytes, promptTokens, batches: [batch] }, trace)
      : undefined,
  };
}
