/** How a generation ended, in the AI SDK's terms. */

import type { LanguageModelV3FinishReason, LanguageModelV3Usage } from '@ai-sdk/provider';
import type { FinishReason, GenerationResult } from '../generation/result.js';

/** What `providerMetadata.moeflow` holds: of the result's `stats`, where nothing else is said. */
export type MoeflowProviderMetadata = {
  /** That the text can be had again with. */
  seed: number;
  promptTokensPerSecond: number;
  generatedTokensPerSecond: number;
  queueSeconds: number;
  pauses: number;
  /** `stats.experts.hitRate`: the share of experts that were in memory when they were needed. */
  expertHitRate: number;
  expertsUsed: number;
  expertsTotal: number;
};

const unifiedReasons = {
  stop: 'stop',
  length: 'length',
  deadline: 'other',
  cancelled: 'other',
} as const satisfies Record<FinishReason, LanguageModelV3FinishReason['unified']>;

/** What the result of a call and the last part of a stream have in common. */
export function finishOf(result: GenerationResult): {
  finishReason: LanguageModelV3FinishReason;
  usage: LanguageModelV3Usage;
  providerMetadata: { moeflow: MoeflowProviderMetadata };
} {
  const { finishReason } = result;
  return {
    finishReason: { unified: unifiedReasons[finishReason], raw: finishReason },
    usage: usageOf(result),
    providerMetadata: { moeflow: metadataOf(result) },
  };
}

function usageOf({ stats }: GenerationResult): LanguageModelV3Usage {
  const { promptTokens, sharedPromptTokens, generatedTokens } = stats;
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - sharedPromptTokens,
      cacheRead: sharedPromptTokens,
      cacheWrite: undefined,
    },
    // Thoughts are text here: only the SDK's extractReasoningMiddleware knows where they begin and end.
    outputTokens: { total: generatedTokens, text: generatedTokens, reasoning: undefined },
  };
}

function metadataOf({ seed, stats }: GenerationResult): MoeflowProviderMetadata {
  return {
    // Seeds of calls are numbers, and so are those that are drawn.
    seed: Number(seed),
    promptTokensPerSecond: stats.promptTokensPerSecond,
    generatedTokensPerSecond: stats.generatedTokensPerSecond,
    queueSeconds: stats.queueSeconds,
    pauses: stats.pauses,
    expertHitRate: stats.experts.hitRate,
    expertsUsed: stats.expertsUsed,
    expertsTotal: stats.expertsTotal,
  };
}
