/** What has become of the requests to a model. */

import type { TurnStats } from './turns.js';

export interface SchedulingCounts {
  /** Steps that the engine was asked for. */
  steps: number;
  /** Tokens that steps have read: of prompts, those read again after a pause included, and generated ones. */
  promptTokens: number;
  generatedTokens: number;
  /** Tokens of prompts that were not read, as another sequence had read the same. */
  sharedTokens: number;
  /** How often a request had to give up its place in the key/value cache, and read its tokens again. */
  pauses: number;
}

export interface SchedulingStats extends SchedulingCounts, TurnStats {
  /** Requests that have begun, and those that wait to. */
  running: number;
  waiting: number;
  /** Tokens that the key/value cache holds at most, and that its blocks in use have room for. */
  kvCacheTokens: number;
  kvCacheTokensInUse: number;
}

export function noSchedulingCounts(): SchedulingCounts {
  return { steps: 0, promptTokens: 0, generatedTokens: 0, sharedTokens: 0, pauses: 0 };
}
