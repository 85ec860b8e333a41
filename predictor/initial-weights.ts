/** Where training begins. */

import { uniforms } from '../lib/random.js';
import { type RouteWeights, sizeOf, type WeightName, weightShapes } from './weights.js';

type Sizes = Pick<RouteWeights, 'layers' | 'experts' | 'expertsUsed' | 'tokenWidth' | 'hidden' | 'tokens'>;

/**
 * Random tables and matrices, the outputs at how often each expert is used.
 *
 * @param popularity [layers * experts] share of the tokens that use the expert
 */
export function initialWeights(sizes: Sizes, popularity: Float64Array, seed: number): RouteWeights {
  const { layers, experts, expertsUsed, tokenWidth, hidden, tokens } = sizes;
  const shape = { layers, experts, expertsUsed, tokenWidth, hidden };
  const random = uniforms(seed);
  const shapes = weightShapes({ ...shape, tokens: tokens.length });
  const zeros = (name: WeightName) => new Float32Array(sizeOf(shapes[name]));
  const normal = (name: WeightName, deviation: number) => zeros(name).map(() => deviation * gaussian(random));
  return {
    ...shape,
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
    outputBias: Float32Array.from(popularity, (share) => logit(Math.min(Math.max(share, 1e-3), 1 - 1e-3))),
    direct: zeros('direct'),
  };
}

function logit(chance: number): number {
  return Math.log(chance / (1 - chance));
}

/** Box and Muller. */
export function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
