/** How good predictions are. */

/** By the number of experts that are fetched per layer. */
export interface Measures {
  /** Predicted tokens. */
  rows: number;
  /** [experts + 1] share of a token's experts among the m most probable ones. */
  recallAt: number[];
  /** [experts + 1] share of the m most probable ones that the token uses; of m = 0, 1. */
  precisionAt: number[];
  /** [layers] recall at k. */
  recallByLayer: number[];
  /** How often what is predicted with a probability comes true, in ten bins from 0 to 1. */
  calibration: { predictions: number; predicted: number; observed: number }[];
  /** Mean distance of predicted and observed over the bins, weighted by predictions. */
  calibrationError: number;
}

export interface MeasuredShape {
  layers: number;
  experts: number;
  expertsUsed: number;
}

const bins = 10;

/** Adds up rows; scores may be anything that orders experts, but calibration is of probabilities. */
export class Measuring {
  readonly #shape: MeasuredShape;
  #rows = 0;
  /** [experts] true experts by the rank that their score has. */
  readonly #ranks: Float64Array;
  readonly #layerHits: Float64Array;
  readonly #layerUses: Float64Array;
  #uses = 0;
  readonly #count = new Float64Array(bins);
  readonly #predicted = new Float64Array(bins);
  readonly #observed = new Float64Array(bins);

  constructor(shape: MeasuredShape) {
    this.#shape = shape;
    this.#ranks = new Float64Array(shape.experts);
    this.#layerHits = new Float64Array(shape.layers);
    this.#layerUses = new Float64Array(shape.layers);
  }

  /** [rows][layers * experts] both; a target is 1 or 0. Of equal scores the expert of the lower number comes first. */
  add(scores: Float32Array | Float64Array, targets: Float32Array): void {
    const { layers, experts, expertsUsed } = this.#shape;
    this.#rows += scores.length / (layers * experts);
    for (let begin = 0, layer = 0; begin < scores.length; begin += experts, layer = (layer + 1) % layers) {
      for (let expert = 0; expert < experts; expert++) {
        const score = scores[begin + expert] as number;
        const used = targets[begin + expert] as number;
        const bin = Math.min(bins - 1, Math.max(0, Math.floor(score * bins)));
        this.#count[bin] = (this.#count[bin] as number) + 1;
        this.#predicted[bin] = (this.#predicted[bin] as number) + score;
        this.#observed[bin] = (this.#observed[bin] as number) + used;
        if (used === 0) continue;
        const rank = rankOf(scores, begin, expert, experts);
        this.#ranks[rank] = (this.#ranks[rank] as number) + 1;
        this.#uses++;
        this.#layerUses[layer] = (this.#layerUses[layer] as number) + 1;
        if (rank < expertsUsed) this.#layerHits[layer] = (this.#layerHits[layer] as number) + 1;
      }
    }
  }

  /** True experts among the m most probable ones. */
  hitsAt(m: number): number {
    return this.#ranks.subarray(0, m).reduce((sum, count) => sum + count, 0);
  }

  get uses(): number {
    return this.#uses;
  }

  result(): Measures {
    const { layers, experts } = this.#shape;
    const hits = Array.from({ length: experts + 1 }, (_, m) => this.hitsAt(m));
    const calibration = Array.from(this.#count, (predictions, i) => ({
      predictions,
      predicted: (this.#predicted[i] as number) / (predictions || 1),
      observed: (this.#observed[i] as number) / (predictions || 1),
    }));
    const all = calibration.reduce((sum, { predictions }) => sum + predictions, 0);
    return {
      rows: this.#rows,
      recallAt: hits.map((count) => count / (this.#uses || 1)),
      precisionAt: hits.map((count, m) => (m === 0 ? 1 : count / (m * layers * this.#rows || 1))),
      recallByLayer: Array.from(this.#layerHits, (count, layer) => count / (this.#layerUses[layer] || 1)),
      calibration,
      calibrationError: calibration.reduce(
        (sum, { predictions, predicted, observed }) =>
          sum + (predictions / (all || 1)) * Math.abs(predicted - observed),
        0,
      ),
    };
  }
}

function rankOf(scores: Float32Array | Float64Array, begin: number, expert: number, experts: number): number {
  const score = scores[begin + expert] as number;
  let rank = 0;
  for (let other = 0; other < experts; other++) {
    const their = scores[begin + other] as number;
    if (their > score || (their === score && other < expert)) rank++;
  }
  return rank;
}

/** The `m` experts of the highest scores in one layer, the highest first; of equal ones the lower number. */
export function mostProbable(scores: Float32Array | Float64Array, begin: number, experts: number, m: number): number[] {
  const order = Array.from({ length: experts }, (_, expert) => expert);
  order.sort((a, b) => (scores[begin + b] as number) - (scores[begin + a] as number) || a - b);
  return order.slice(0, m);
}

/**
 * ExpertFlow's accuracy (arXiv 2410.17954, B_acc): of the experts that any token of a batch uses, the share that any
 * token's prediction names, some per token and layer; the mean over layers and batches. Larger batches make it easier.
 */
export class UnionMeasuring {
  readonly #shape: MeasuredShape;
  /** Experts predicted per token and layer. */
  readonly fetched: number;
  #sum = 0;
  #precision = 0;
  #count = 0;

  constructor(shape: MeasuredShape, fetched: number) {
    this.#shape = shape;
    this.fetched = fetched;
  }

  /** One batch: as {@link Measuring.add}. */
  add(scores: Float32Array | Float64Array, targets: Float32Array): void {
    const { layers, experts } = this.#shape;
    const rows = scores.length / (layers * experts);
    for (let layer = 0; layer < layers; layer++) {
      const predicted = new Set<number>();
      const used = new Set<number>();
      for (let row = 0; row < rows; row++) {
        const begin = (row * layers + layer) * experts;
        for (const expert of mostProbable(scores, begin, experts, this.fetched)) predicted.add(expert);
        for (let expert = 0; expert < experts; expert++) {
          if ((targets[begin + expert] as number) > 0) used.add(expert);
        }
      }
      if (used.size === 0) continue;
      const found = [...used].filter((expert) => predicted.has(expert)).length;
      this.#sum += found / used.size;
      this.#precision += found / (predicted.size || 1);
      this.#count++;
    }
  }

  result(): { recall: number; precision: number } {
    return { recall: this.#sum / (this.#count || 1), precision: this.#precision / (this.#count || 1) };
  }
}
