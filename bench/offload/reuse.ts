import type { Routes } from './run.js';

/** How routes repeat from token to token, over all layers. */
export interface RouteFacts {
  /** Mean share of a decoded token's experts that the token before used in the same layer. */
  reuse: number;
  /** Share of the uses by all tokens that the most used quarter of each layer's experts has: a quarter if all are used alike. */
  quarterShare: number;
}

/** For a prompt and at least one decoded token. */
export function routeFacts({
  promptTokens,
  layers,
  k,
  experts,
  chosen,
}: Omit<Routes, 'expertBytes' | 'ids'>): RouteFacts {
  const tokens = chosen.length / (layers * k);
  const route = (token: number, layer: number) => {
    const start = (token * layers + layer) * k;
    return chosen.slice(start, start + k);
  };
  let repeated = 0;
  let mostUsed = 0;
  for (let layer = 0; layer < layers; layer++) {
    const uses = new Array<number>(experts).fill(0);
    let before = new Set<number>();
    for (let token = 0; token < tokens; token++) {
      const now = route(token, layer);
      for (const expert of now) {
        uses[expert] = (uses[expert] ?? 0) + 1;
        if (token >= promptTokens && before.has(expert)) repeated++;
      }
      before = new Set(now);
    }
    const quarter = uses.sort((left, right) => right - left).slice(0, Math.round(experts / 4));
    mostUsed += quarter.reduce((sum, count) => sum + count, 0);
  }
  return { reuse: repeated / ((tokens - promptTokens) * layers * k), quarterShare: mostUsed / chosen.length };
}
