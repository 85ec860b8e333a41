/** What Hugging Face transformers computed for a fixture, and how far a model of ours is from it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Evaluation, Model } from '../../lib/index.js';

export interface ReferencePrompt {
  ids: number[];
  /** The 24 tokens that follow. */
  greedy: number[];
}

export interface Reference {
  prompts: ReferencePrompt[];
  /** Arrays by prompt length N: `logits/33`, `last_logits/N`, `router_ids/N`, `router_weights/N`, `router_margin/N`. */
  floats(name: string): Float32Array;
  integers(name: string): Int32Array;
}

interface ArrayPlace {
  offset: number;
  nbytes: number;
}

/** @param folder that holds reference.json and reference.bin */
export function readReference(folder: string): Reference {
  const json = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as {
    prompts: ReferencePrompt[];
    arrays: Record<string, ArrayPlace>;
  };
  const file = readFileSync(join(folder, 'reference.bin'));
  const bytes = (name: string): ArrayBuffer => {
    const place = json.arrays[name];
    if (!place) throw new Error(`${folder} has no array ${name}`);
    return new Uint8Array(file.subarray(place.offset, place.offset + place.nbytes)).buffer;
  };
  return {
    prompts: json.prompts,
    floats: (name) => new Float32Array(bytes(name)),
    integers: (name) => new Int32Array(bytes(name)),
  };
}

/** The rows of logits that the reference holds for a prompt of this length: all of 33, else those of the last token. */
export function referenceLogits(reference: Reference, length: number): { from: number; logits: Float32Array } {
  return length === 33
    ? { from: 0, logits: reference.floats('logits/33') }
    : { from: length - 1, logits: reference.floats(`last_logits/${length}`) };
}

export interface Deviation {
  /** Largest difference of a logit, as a share of the largest logit of the reference. */
  logits: number;
  /** Where the experts differ although the k-th and the next one are further apart than a tie. */
  wrongExperts: string[];
  /** Largest difference of a gate weight, where the experts agree. */
  gateWeights: number;
  /** Lengths of the prompts whose 24 greedy tokens differ. */
  wrongContinuations: number[];
}

/** Router margins below this are ties: float32 arithmetic in another order may choose the other expert. */
const tie = 1e-3;

export async function deviationFrom(reference: Reference, model: Model): Promise<Deviation> {
  const deviation: Deviation = { logits: 0, wrongExperts: [], gateWeights: 0, wrongContinuations: [] };
  for (const prompt of reference.prompts) {
    const evaluation = await model.evaluate(prompt.ids);
    compareLogits(reference, evaluation, prompt.ids.length, deviation);
    compareRouting(reference, evaluation, prompt.ids.length, deviation);
    const { tokens } = await model.generate(prompt.ids, { maxTokens: prompt.greedy.length, ignoreEos: true }).result;
    if (tokens.join() !== prompt.greedy.join()) deviation.wrongContinuations.push(prompt.ids.length);
  }
  return deviation;
}

function compareLogits(reference: Reference, evaluation: Evaluation, length: number, deviation: Deviation): void {
  const { from, logits } = referenceLogits(reference, length);
  const ours = evaluation.logits.subarray(from * evaluation.vocabulary);
  const scale = logits.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
  for (let i = 0; i < logits.length; i++) {
    const difference = Math.abs((ours[i] as number) - (logits[i] as number)) / scale;
    // Not Math.max alone: what is no number must count as infinitely wrong.
    deviation.logits = difference <= deviation.logits ? deviation.logits : Number.isNaN(difference) ? 1e9 : difference;
  }
}

function compareRouting(reference: Reference, { routing }: Evaluation, length: number, deviation: Deviation): void {
  const ids = reference.integers(`router_ids/${length}`);
  const weights = reference.floats(`router_weights/${length}`);
  const margins = reference.floats(`router_margin/${length}`);
  for (const [place, margin] of margins.entries()) {
    const [start, end] = [place * routing.k, (place + 1) * routing.k];
    const ours = routing.experts.subarray(start, end);
    const theirs = ids.subarray(start, end);
    if (theirs.some((expert) => !ours.includes(expert))) {
      if (margin > tie) deviation.wrongExperts.push(`token ${Math.floor(place / routing.layers)} of ${length}`);
      continue;
    }
    for (const [i, expert] of theirs.entries()) {
      const ourWeight = routing.weights[start + ours.indexOf(expert)] as number;
      deviation.gateWeights = Math.max(deviation.gateWeights, Math.abs(ourWeight - (weights[start + i] as number)));
    }
  }
}
