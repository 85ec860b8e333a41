/** moeflow: Mixture-of-Experts language models from GGUF files, run in this process. */

export type { Scope } from './cache-sim/capacity.js';
export { type CacheRow, compareCaches } from './cache-sim/compare.js';
export {
  type AccessOrder,
  type CompareCachesOptions,
  type CostOptions,
  type MadeUpPrediction,
  type SimulatedPolicy,
  simulatedPolicies,
  type TrainedPrediction,
} from './cache-sim/options.js';
export {
  type CompareGroupingsOptions,
  compareGroupings,
  type GroupingRow,
  type PredictedSet,
} from './cache-sim/regroup.js';
export {
  type CacheSimulation,
  type CacheSimulationOptions,
  type RouteTrace,
  simulateCache,
} from './cache-sim/simulate.js';
export {
  ContextFullError,
  DisposedError,
  InvalidArgumentError,
  InvalidFileError,
  MoeflowError,
  type MoeflowErrorCode,
  QueueFullError,
  UnsupportedError,
} from './errors.js';
export { type Policy, policies } from './experts/policies.js';
export type {
  DeviceStats,
  ExpertStats,
  ExpertUses,
  LayerStats,
  PredictionStats,
  PrefetchStrategy,
  TierStats,
} from './experts/stats.js';
export type { ChatMessage } from './generation/chat-template.js';
export { ChatTemplate, ChatTemplateError } from './generation/chat-template.js';
export type { Generation, GenerationPiece } from './generation/generation.js';
export type { GenerateOptions } from './generation/options.js';
export {
  type FinishReason,
  type GeneratedToken,
  type GenerationResult,
  type GenerationStats,
  nestRouting,
  type RoutingRecord,
  type TokenLogprob,
} from './generation/result.js';
export { availableKernels, measureReadBandwidth } from './machine.js';
export type { EvaluateOptions, Evaluation } from './model/evaluate.js';
export type { MemoryUse, ModelInfo } from './model/info.js';
export { type Inspection, inspectModel } from './model/inspect.js';
export { loadModel } from './model/load.js';
export {
  type CacheOptions,
  type LoadModelOptions,
  type LoadProgress,
  type Prefetch,
  prefetchModes,
} from './model/load-options.js';
export type { Model, ModelStats, Prompt } from './model/model.js';
export { planMemory } from './model/plan.js';
export * as placement from './placement/index.js';
export { cacheReport } from './report/cache-report.js';
export { planReport } from './report/plan-report.js';
export { routeSet } from './scheduling/regroup/expert-sets.js';
export { addToHabit, habitSet } from './scheduling/regroup/habit.js';
export {
  firstTurns,
  type NextBatch,
  type NextBatchOptions,
  nextBatch,
  type ReadySequence,
  type Turns,
} from './scheduling/regroup/next-batch.js';
export { type Regrouping, type RegroupMethod, type RegroupOptions, regroup } from './scheduling/regroup/regroup.js';
export { RegroupWorkspace } from './scheduling/regroup/workspace.js';
export type { SchedulingStats } from './scheduling/stats.js';
export { type SchedulingChoice, schedulingChoices } from './scheduling/turns.js';
export { type EncodeOptions, Tokenizer } from './tokenizer/index.js';
export { type OpenTraceOptions, openTrace, traceFormats } from './trace/open.js';
export { type Recording, type RecordOptions, recordTrace } from './trace/record.js';
export { type LayerStatistics, type Reuse, type TraceStatistics, traceStatistics } from './trace/statistics.js';
export {
  DECODE,
  NOT_RECORDED,
  PREFILL,
  type Trace,
  type TraceHeader,
  type TraceTokens,
  tokensOf,
  traceInMemory,
} from './trace/trace.js';
export { TraceWriter, type TraceWriterOptions } from './trace/writer.js';
