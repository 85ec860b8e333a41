/** Trained route predictors, and the data that they learn from. */

/** Of a model's routes. */
export interface NativeRouteShape {
  /** Layers with experts. */
  layers: number;
  /** Experts per layer. */
  experts: number;
  /** Experts per token and layer (k). */
  expertsUsed: number;
}

/** The mean routes of token ids; `outputs` are layers * experts. */
export interface NativeTokenTable {
  /** Ids that have rows of their own, rising. */
  tableTokens: Int32Array;
  /** [tableTokens + 1][outputs] shares of the id's tokens that use the expert, of 255; the first row is that of other ids. */
  table: Uint8Array;
  /** [tableTokens + 1] how many tokens that is of: 0 for none, to 4 for 32 and more. */
  tableBuckets: Uint8Array;
}

/**
 * The weights of a trained route predictor, row by row; native/prediction/route_predictor.h says what is computed from
 * them. `outputs` are layers * experts, and there are two heads: what the token uses, and what is used soon after it.
 */
export interface NativeRouteWeights extends NativeRouteShape, NativeTokenTable {
  /** Values that stand for a token's id. */
  tokenWidth: number;
  /** Values of the hidden layer. */
  hidden: number;
  /** Ids that have rows of their own, rising. */
  tokens: Int32Array;
  /** [tokens + 1][tokenWidth] of the token itself; the first row is that of unknown tokens. */
  current: Float32Array;
  /** The same of the token before. */
  previous: Float32Array;
  /** [tokenWidth][hidden] */
  currentMatrix: Float32Array;
  previousMatrix: Float32Array;
  /** [5][hidden] by the length of the match. */
  lengths: Float32Array;
  /** [hidden] */
  hiddenBias: Float32Array;
  /** [6][outputs][hidden] */
  views: Float32Array;
  /** [hidden][2][outputs] */
  output: Float32Array;
  /** [2][outputs] */
  outputBias: Float32Array;
  /** [8][5][2][outputs] by view and length of the match; of the table's view by its bucket. */
  direct: Float32Array;
}

/** What is made of weights; it has no methods of its own. */
export interface NativeRoutePredictor {
  readonly constructor: unknown;
}

/** Rows of a data set, side by side. */
export interface NativeRouteBatch {
  /** [rows] */
  tokens: Int32Array;
  /** [rows] the tokens before them, -1 for none. */
  before: Int32Array;
  /** [rows] 0 to 4. */
  matchLengths: Int32Array;
  /** [rows] 0 to 4: how many tokens the table's view is of. */
  tableBuckets: Int32Array;
  /** [views][rows][layers * experts]: previous, matched, recurring, fast, medium, slow, succeeding, table. */
  views: Float32Array;
  /** [rows][layers * experts] 1 for what the token used. */
  targets: Float32Array;
  /** [rows][layers * experts] 1 for what the next token used, half as much with every token more until the next use. */
  later: Float32Array;
}

/** Recorded sequences as rows to learn from: a row for each token whose route is known, in the order they were added. */
export interface NativeRouteDataset {
  /** A sequence from its beginning on; routes are [tokens][layers][k], below 0 where not known. Returns its rows. */
  add(tokens: Int32Array, routes: Int32Array): number;
  /**
   * Learns the mean routes of ids from these rows, and from nothing else. The table's view is of them from then on, without
   * what was learned of the row's own sequence. Returns those of the most frequent ids, 16 MiB at most.
   */
  learnTable(rows: Int32Array): NativeTokenTable;
  batch(rows: Int32Array): NativeRouteBatch;
  /** [rows][layers * experts] probabilities. */
  predict(predictor: NativeRoutePredictor, rows: Int32Array): Float32Array;
  /** The same of what is used soon after: see `later` of a batch. */
  predictLater(predictor: NativeRoutePredictor, rows: Int32Array): Float32Array;
}
