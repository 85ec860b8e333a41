/** Where training begins. */

import { uniforms } from '../lib/random.js';
import { type RouteWeights, sizeOf, type TokenTable, type WeightName, weightShapes } from './weights.js';

type Sizes = Pick<RouteWeights, 'layers' | 'experts' | 'expertsUsed' | 'tokenWidth' | 'hidden' | 'tokens'>;

/**
 * Random tables and matrices, the outputs at how often each expert is used.
 *
 * @param popularity [layers * experts] share of the tokens that use the expert
 */
export function initialWeights(sizes: Sizes, table: TokenTable, popularity: Float64Array, seed: number): RouteWeights {
  const { layers, experts, expertsUsed, tokenWidth, hidden, tokens } = sizes;
  const shape = { layers, experts, expertsUsed, tokenWidth, hidden };
  const random = uniforms(seed);
  const shapes = weightShapes({ ...shape, tokens: tokens.length });
  const zeros = (name: WeightName) => new Float32Array(sizeOf(shapes[name]));
  const normal = (name: WeightName, deviation: number) => zeros(name).map(() => deviation * gaussian(random));
  return {
    ...shape,
    ...table,
    tokens,
    current: normal('current', 0.3),
    previous: normal('previous', 0.3),
    currentMatrix: normal('currentMatrix', 0.5 / Math.sqrt(tokenWidth)),
    previousMatrix: normal('previousMatrix', 0.5 / Math.sqrt(tokenWidth)),
    lengths: zeros('lengths'),
    hiddenBias: zeros('hiddenBias'),
    // A view has as many ones as a route has experts.
    views: normal('views', 0.5 / Math.sqrt(layers * expertsUsed)),
    output: normal('output', 0.5 / Math.sqrt(hidden)),
    outputBias: Float32Array.from([...popularity, ...Array.from(popularity, laterMean)], logit),
    direct: zeros('direct'),
  };
}

/** Of an expert's second target, if each token used it with this chance whatever others do. */
function laterMean(chance: number): number {
  return chance / (1 - 0.5 * (1 - chance));
}

function logit(chance: number): number {
  const between = Math.min(Math.max(chance, 1e-3), 1 - 1e-3);
  return Math.log(between / (1 - between));
}

/** Box and Muller. */
export function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
