/** moeflow/predictor: training and trying route predictors. */

export { type Backend, backends } from './backends.js';
export { type Baseline, baselines } from './baselines.js';
export { type EvaluatePredictorOptions, evaluatePredictor, type PredictorComparison } from './compare.js';
export type { Evaluation } from './evaluate.js';
export { type Predictor, type PredictorFacts, readPredictor, writePredictor } from './file/predictor-file.js';
export type { Measures } from './measures.js';
export { type TrainedPredictor, type TrainOptions, type TrainProgress, trainPredictor } from './train.js';
export type { RouteWeights } from './weights.js';
