/** What a trained predictor expects of each token of a sequence, as sets. */

import type { Predictor } from '../../predictor/file/predictor-file.js';
import { mostProbable } from '../../predictor/measures.js';
import { nativeAddon } from '../native/addon.js';
import type { NativeRouteDataset } from '../native/prediction.js';
import { addExpert, wordsOf } from '../scheduling/regroup/expert-sets.js';
import type { TraceHeader } from '../trace/trace.js';
import { type ReplayedSequence, setAt } from './regroup-sequences.js';

/** Which experts of a layer are taken to be used: so many of the most probable ones, or all from a probability on. */
export type PredictedSet = { most: number } | { leastProbability: number };

/** Tokens that are predicted at once: 64 of a large model's take some MiB. */
const together = 64;

/** [tokens][words] by sequence; those of prompts, and of tokens whose route is not known, are empty. */
export function* predictedSets(
  header: TraceHeader,
  sequences: readonly ReplayedSequence[],
  { weights }: Predictor,
  which: PredictedSet,
): Generator<Uint32Array> {
  const { RouteDataset, RoutePredictor } = nativeAddon();
  const predictor = new RoutePredictor(weights);
  for (const sequence of sequences) {
    // Of its own: a data set keeps all that it is given.
    const dataset = new RouteDataset({ layers: header.layers, experts: header.experts, expertsUsed: header.k });
    dataset.add(sequence.ids, sequence.experts);
    yield setsOf(header, sequence, which, (rows) => dataset.predict(predictor, rows));
  }
}

function setsOf(
  header: TraceHeader,
  { experts, promptTokens, used }: ReplayedSequence,
  which: PredictedSet,
  predict: (rows: Int32Array) => ReturnType<NativeRouteDataset['predict']>,
): Uint32Array {
  const row = header.layers * header.k;
  const words = wordsOf(header);
  const sets = new Uint32Array(used.length);
  // A data set has rows for tokens of which something is known.
  const tokens: number[] = [];
  const rows: number[] = [];
  for (let token = 0, next = 0; token * row < experts.length; token++) {
    if (!experts.subarray(token * row, (token + 1) * row).some((expert) => expert >= 0)) continue;
    if (token >= promptTokens) {
      tokens.push(token);
      rows.push(next);
    }
    next++;
  }
  for (let at = 0; at < rows.length; at += together) {
    const probabilities = predict(Int32Array.from(rows.slice(at, at + together)));
    tokens.slice(at, at + together).forEach((token, i) => {
      const outputs = header.layers * header.experts;
      addProbable(setAt(sets, token, words), probabilities.subarray(i * outputs, (i + 1) * outputs), header, which);
    });
  }
  return sets;
}

/** @param probabilities [layers][experts] */
export function addProbable(
  set: Uint32Array,
  probabilities: Float32Array,
  { layers, experts }: TraceHeader,
  which: PredictedSet,
): void {
  for (let layer = 0, begin = 0; layer < layers; layer++, begin += experts) {
    const chosen =
      'most' in which
        ? mostProbable(probabilities, begin, experts, which.most)
        : Array.from({ length: experts }, (_, expert) => expert).filter(
            (expert) => (probabilities[begin + expert] as number) >= which.leastProbability,
          );
    for (const expert of chosen) addExpert(set, begin + expert);
  }
}
