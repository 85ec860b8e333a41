/** Options of a comparison of caches, and what is left out filled in. */

import type { Predictor } from '../../predictor/file/predictor-file.js';
import { InvalidArgumentError } from '../errors.js';
import { type Policy, policies } from '../experts/policies.js';
import { check, checkOptions, defined } from '../options.js';
import { bytesOf } from '../sizes.js';
import { checkHoldout, type Holdout } from '../trace/holdout.js';
import { phases, type TraceHeader } from '../trace/trace.js';
import { type Scope, scopes } from './capacity.js';

/** The engine's policies, and Belady's optimum, which knows the future. */
export const simulatedPolicies = [...policies, 'belady'] as const;
export type SimulatedPolicy = Policy | 'belady';

/**
 * In what order the experts that a layer asks for in a step are given places:
 * - `engine`: all at once, as the engine does: those that are in memory are used first and stay, then the others come;
 * - `residents-first`: those that are in memory when the layer begins are hits; then all are used one by one in rising
 *   order, as in `strict`, and what leaves before its turn is not counted again;
 * - `strict`: one by one in rising order, so that one may make room for another of the same step;
 * - `recorded`: one by one as they stand in the trace, also those that several tokens of a step use.
 */
export const accessOrders = ['engine', 'residents-first', 'strict', 'recorded'] as const;
export type AccessOrder = (typeof accessOrders)[number];

export const defaultLeastProbability = 0.5;

/** What a trained predictor says before each step of tokens that are being generated. */
export interface TrainedPrediction {
  /** The predictor's file, or what was read from one or trained. */
  predictor: string | Predictor;
  /** What is at least so probable is fetched ahead. Default 0.5. */
  leastProbability?: number;
}

/** Predictions of a chosen quality, made from what really comes. */
export interface MadeUpPrediction {
  /** The share of what a layer uses that is predicted. Default 1. */
  recall?: number;
  /** The share of what is predicted that the layer uses, above 0. Default 1. */
  precision?: number;
  /** So many layers ahead, at most. Default 1. */
  layersAhead?: number;
  /** Default 0. */
  seed?: number | bigint;
}

/** A channel that reads one expert after another, and a computation that waits for it. */
export interface CostOptions {
  /** Bytes per second, as a number or a size such as "2GB". */
  bandwidth: number | string;
  /** To compute one expert, for all tokens of a step together; nothing else takes time. Default 0. */
  expertSeconds?: number;
  /** Whether reads go on while experts are computed. Default true. */
  overlap?: boolean;
}

export interface CompareCachesOptions {
  /** Default: all of the engine, and `belady`. */
  policies?: readonly SimulatedPolicy[];
  /** Places for experts: in all, or of each layer, by the scope. */
  slots?: readonly number[];
  /** Instead or besides, bytes as numbers or sizes such as "2GiB"; the sizes of experts must be known. */
  bytes?: readonly (number | string)[];
  /** Whether layers share places. Default `global`, as in the engine. */
  scope?: Scope;
  /** Sequences that are computed side by side. Default 1: the tokens in the order of the trace. */
  batches?: readonly number[];
  /** The tokens that are looked at; the others are left out as if they had not been. Default `all`. */
  phase?: 'all' | (typeof phases)[number];
  /** The sequences that are looked at: those that are held out, for a predictor that has learned from the others. Default: all. */
  holdout?: Holdout;
  /** Default `engine`. */
  order?: AccessOrder;
  /** Whether each sequence, or group of sequences side by side, finds the caches empty. Default false. */
  emptyPerSequence?: boolean;
  /** Tokens of a prompt that are computed together. Default 512. */
  promptTokens?: number;
  /** For `static`: [layer, expert] of those that stay, the most wanted first. Default: by uses in the whole trace. */
  hot?: readonly (readonly [number, number])[];
  /** What is predicted is fetched ahead; `belady` goes without. Default: nothing is. */
  prediction?: MadeUpPrediction | TrainedPrediction;
  /** Default: time is not counted. */
  cost?: CostOptions;
  /** Bytes of an expert, the same for all layers or [layers]. Default: as the trace says. */
  expertBytes?: number | readonly number[];
  /** Ends the simulation with its reason. */
  signal?: AbortSignal;
}

const positive = check.integer(1, 2 ** 24);

const optionChecks = {
  policies: check.arrayOf(check.oneOf(...simulatedPolicies), 'policies'),
  slots: check.arrayOf(positive, 'numbers of slots'),
  bytes: check.arrayOf(check.size, 'sizes'),
  scope: check.oneOf(...scopes),
  batches: check.arrayOf(check.integer(1, 2 ** 16), 'numbers of sequences'),
  phase: check.oneOf('all', ...phases),
  holdout: checkHoldout,
  order: check.oneOf(...accessOrders),
  emptyPerSequence: check.boolean,
  promptTokens: check.integer(1, 2 ** 20),
  hot: check.expertPairs,
  prediction: (value: unknown, name: string) =>
    checkOptions(value, isTrained(value) ? trainedChecks : madeUpChecks, name),
  cost: (value: unknown, name: string) => checkOptions(value, costChecks, name),
  expertBytes: (value: unknown, name: string) => {
    const size = check.integer(1);
    if (Array.isArray(value)) check.arrayOf(size, 'sizes')(value, name);
    else size(value, name);
  },
  signal: check.signal,
};

export const trainedChecks = {
  predictor: (value: unknown, name: string) => {
    const isPredictor = typeof value === 'object' && typeof (value as Predictor | null)?.weights === 'object';
    if (typeof value !== 'string' && !isPredictor) {
      throw new InvalidArgumentError(`${name} must be the path of a predictor's file, or a predictor`);
    }
  },
  leastProbability: check.number(0, 1),
};

const madeUpChecks = {
  recall: check.number(0, 1),
  precision: check.number(1e-6, 1),
  layersAhead: check.integer(1, 2 ** 16),
  seed: check.seed,
};

const costChecks = {
  bandwidth: check.size,
  expertSeconds: check.number(0, 1e6),
  overlap: check.boolean,
};

/**
 * What is left out filled in, sizes in bytes, experts numbered layer * experts + expert.
 *
 * @throws InvalidArgumentError naming the option
 */
export function checkedOptions(options: CompareCachesOptions, trace: TraceHeader) {
  checkOptions(options, optionChecks, 'compareCaches options');
  const { slots = [], bytes = [], prediction, cost, hot } = options;
  if (slots.length + bytes.length === 0) {
    throw new InvalidArgumentError('slots or bytes must say how much the caches hold, as in slots: [4, 8, 16]');
  }
  const expertBytes = expertBytesOf(options, trace);
  if (!expertBytes && (bytes.length > 0 || cost)) {
    throw new InvalidArgumentError(
      `expertBytes is needed for ${cost ? 'cost' : 'bytes'}: the trace does not say how large its experts are`,
    );
  }
  if (cost && cost.bandwidth === undefined) throw new InvalidArgumentError('cost.bandwidth is missing');
  if (cost && options.order === 'residents-first') {
    throw new InvalidArgumentError('cost: the order residents-first does not say what is read; take engine or strict');
  }
  return {
    policies: options.policies ?? simulatedPolicies,
    slots,
    bytes: bytes.map((size) => bytesOf(size)),
    scope: options.scope ?? 'global',
    batches: options.batches ?? [1],
    phase: options.phase ?? 'all',
    holdout: options.holdout ?? 'none',
    order: options.order ?? 'engine',
    emptyPerSequence: options.emptyPerSequence ?? false,
    promptTokens: options.promptTokens ?? 512,
    hot: hot?.map(([layer, expert]) => numberOf(layer, expert, trace)),
    madeUp: prediction && !isTrained(prediction) ? madeUpPrediction(prediction, trace) : undefined,
    trained: isTrained(prediction) ? trainedPrediction(prediction) : undefined,
    cost: cost && {
      bytesPerSecond: bytesOf(cost.bandwidth),
      secondsPerExpert: cost.expertSeconds ?? 0,
      overlap: cost.overlap ?? true,
    },
    expertBytes,
    signal: options.signal,
  };
}

export function isTrained(prediction: unknown): prediction is TrainedPrediction {
  return typeof prediction === 'object' && prediction !== null && 'predictor' in prediction;
}

function trainedPrediction({ predictor, leastProbability = defaultLeastProbability }: TrainedPrediction) {
  return { predictor, leastProbability };
}

function madeUpPrediction(prediction: MadeUpPrediction, { layers }: TraceHeader) {
  const { layersAhead = 1 } = prediction;
  if (layersAhead > layers) {
    throw new InvalidArgumentError(
      `prediction.layersAhead must be an integer from 1 to ${layers}, the layers of the trace, is ${layersAhead}`,
    );
  }
  return { recall: 1, precision: 1, seed: 0, ...defined(prediction), layersAhead };
}

function expertBytesOf({ expertBytes }: CompareCachesOptions, trace: TraceHeader): readonly number[] | undefined {
  const sizes =
    typeof expertBytes === 'number'
      ? new Array<number>(trace.layers).fill(expertBytes)
      : (expertBytes ?? trace.expertBytes);
  if (sizes && sizes.length !== trace.layers) {
    throw new InvalidArgumentError(`expertBytes has ${sizes.length} sizes, and the trace ${trace.layers} layers`);
  }
  return sizes;
}

/** @throws InvalidArgumentError if there is no such expert */
export function numberOf(
  layer: number,
  expert: number,
  { layers, experts }: { layers: number; experts: number },
): number {
  if (layer < layers && expert < experts) return layer * experts + expert;
  throw new InvalidArgumentError(
    `hot: expert ${expert} of layer ${layer}, but the trace has ${layers} layers of ${experts} experts`,
  );
}
