/** How many requests a model takes on, and how its steps are filled. */

import type { NativeModelInfo } from '../native/model.js';
import { kvBlockTokens } from '../native/step.js';
import type { RouteShape, SchedulingChoice } from './turns.js';

/** Numbers that a user may choose; what they mean is said at LoadModelOptions. */
export interface SchedulingLimits {
  scheduling?: SchedulingChoice;
  maxSequences?: number;
  sequencesPerStep?: number;
  maxQueued?: number;
}

export interface SchedulerSettings {
  choice: SchedulingChoice;
  shape: RouteShape;
  /** Tokens of a step, all sequences together. */
  tokensPerStep: number;
  /** Sequences that have begun, and of these those that generate in one step. */
  sequences: number;
  sequencesPerStep: number;
  /** Requests that wait for their turn to begin. */
  queue: number;
  /** Of the key/value cache. */
  blocks: number;
  blockTokens: number;
}

export function schedulerSettings(info: NativeModelInfo, limits: SchedulingLimits): SchedulerSettings {
  const { scheduling = 'auto', maxSequences = 16, sequencesPerStep = maxSequences, maxQueued = 10_000 } = limits;
  return {
    // Where a step takes all, there is nothing to choose, and nothing to learn for it.
    choice: sequencesPerStep < maxSequences ? scheduling : 'fifo',
    shape: { layers: info.expertLayers, experts: info.experts, k: info.expertsUsed },
    tokensPerStep: info.batchRows,
    sequences: maxSequences,
    sequencesPerStep,
    queue: maxQueued,
    blocks: info.memory.kvCacheTokens / kvBlockTokens,
    blockTokens: kvBlockTokens,
  };
}
