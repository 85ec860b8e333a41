import { placement, type Trace, type TraceTokens } from '../../lib/index.js';
import { uniforms } from '../../lib/random.js';
import { seedOf } from '../synthetic/random.js';

/** DeepSeek-V3's size, one expert in four places per GPU. */
export const large = { layers: 61, experts: 256, k: 8, gpus: 64, nodes: 8 };

const chunkTokens = 500;
/** Of a token's first expert, and of the others, to be one of its topic's. */
const loyalty = { first: 0.7, others: 0.5 };

/**
 * A trace with a placement hidden in it: there are as many topics as GPUs, each has experts / GPUs experts at every layer, and
 * tokens mostly use those of their topic, which changes now and then. Some experts are more popular than others. It is made
 * anew each time it is read, so that it takes no memory.
 */
export function syntheticTrace(tokens: number, shape = large): Trace & { hidden: placement.Placement } {
  const { layers, experts, k, gpus } = shape;
  const topicOf = Array.from({ length: layers }, (_, layer) => topics(layer, experts, gpus));
  const byTopic = topicOf.map((layer) => {
    const lists: number[][] = Array.from({ length: gpus }, () => []);
    layer.forEach((topic, expert) => lists[topic]?.push(expert));
    return lists;
  });
  return {
    layers,
    experts,
    k,
    ranked: true,
    model: 'synthetic',
    hidden: topicOf,
    async *chunks() {
      const random = uniforms(seedOf('routes', 1));
      for (let first = 0; first < tokens; first += chunkTokens) {
        yield chunk(first, Math.min(chunkTokens, tokens - first), shape, byTopic, random);
      }
    },
  };
}

/** [experts] the topic of each. */
function topics(layer: number, experts: number, count: number): number[] {
  const random = uniforms(seedOf('topics', layer));
  const order = Array.from({ length: experts }, (_, expert) => ({ expert, key: random() }));
  order.sort((a, b) => a.key - b.key);
  const topicOf = Array<number>(experts);
  order.forEach(({ expert }, at) => {
    topicOf[expert] = Math.floor((at * count) / experts);
  });
  return topicOf;
}

/** One sequence. */
function chunk(
  first: number,
  count: number,
  { layers, experts, k, gpus }: typeof large,
  byTopic: number[][][],
  random: () => number,
): TraceTokens {
  const routes = new Int32Array(count * layers * k);
  for (let token = 0; token < count; token++) {
    let topic = Math.floor(random() * gpus);
    for (let layer = 0; layer < layers; layer++) {
      if (random() < 0.05) topic = Math.floor(random() * gpus);
      const own = byTopic[layer]?.[topic] as number[];
      const at = (token * layers + layer) * k;
      for (let rank = 0; rank < k; ) {
        const loyal = random() < (rank === 0 ? loyalty.first : loyalty.others) && rank < own.length;
        // The square makes low numbers popular.
        const expert = loyal ? (own[Math.floor(random() * own.length)] as number) : Math.floor(experts * random() ** 2);
        if (routes.subarray(at, at + rank).includes(expert)) continue;
        routes[at + rank++] = expert;
      }
    }
  }
  return {
    count,
    sequence: new Int32Array(count).fill(first / chunkTokens),
    position: Int32Array.from({ length: count }, (_, i) => i),
    token: new Int32Array(count).fill(-1),
    phase: new Uint8Array(count).fill(1),
    experts: routes,
  };
}
