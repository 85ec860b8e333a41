/** A call's settings: those that the engine has, and warnings of those that it does not have. */

import { InvalidArgumentError, type LanguageModelV3CallOptions, type SharedV3Warning } from '@ai-sdk/provider';
import { checks, type GenerateOptions } from '../generation/options.js';
import { checkOptions } from '../options.js';

/** What `providerOptions.moeflow` may hold; the same as in `model.generate`. */
export type MoeflowProviderOptions = Pick<GenerateOptions, 'minP' | 'repeatPenalty' | 'priority' | 'deadlineSeconds'>;

const { minP, repeatPenalty, priority, deadlineSeconds } = checks;
const providerChecks = { minP, repeatPenalty, priority, deadlineSeconds };

/** By the SDK's names, so that errors have them. */
const settingChecks = {
  maxOutputTokens: checks.maxTokens,
  temperature: checks.temperature,
  topK: checks.topK,
  topP: checks.topP,
  seed: checks.seed,
  stopSequences: checks.stop,
  abortSignal: checks.signal,
};

/** @throws InvalidArgumentError of the SDK, naming the setting that is wrong */
export function callSettings(call: LanguageModelV3CallOptions): {
  options: GenerateOptions;
  warnings: SharedV3Warning[];
} {
  const { maxOutputTokens, temperature, topK, topP, seed, stopSequences, abortSignal } = call;
  const settings = { maxOutputTokens, temperature, topK, topP, seed, stopSequences, abortSignal };
  checked('settings', settings, settingChecks);
  const own = call.providerOptions?.moeflow;
  checked('providerOptions.moeflow', own, providerChecks);
  return {
    options: {
      maxTokens: maxOutputTokens,
      temperature,
      topK,
      topP,
      seed,
      stop: stopSequences,
      signal: abortSignal,
      ...(call.responseFormat?.type === 'json' ? { json: true } : {}),
      ...(own as MoeflowProviderOptions | undefined),
    },
    warnings: [...withoutEffect(call)].map(({ feature, details }) => ({ type: 'unsupported', feature, details })),
  };
}

function* withoutEffect(call: LanguageModelV3CallOptions): Generator<{ feature: string; details: string }> {
  const { presencePenalty, frequencyPenalty, responseFormat, tools = [], toolChoice } = call;
  const penalties = { presencePenalty, frequencyPenalty };
  for (const [feature, penalty] of Object.entries(penalties)) {
    if (penalty) yield { feature, details: 'providerOptions.moeflow.repeatPenalty makes repetitions less likely' };
  }
  if (responseFormat?.type === 'json' && responseFormat.schema) {
    yield { feature: 'responseFormat', details: 'the text is a JSON object, but the schema does not force its form' };
  }
  if (tools.length > 0 && toolChoice?.type !== 'none') {
    yield { feature: 'tools', details: 'the model is not told of tools, and calls none' };
  }
}

function checked(argument: string, options: unknown, checksByName: Parameters<typeof checkOptions>[1]): void {
  try {
    checkOptions(options, checksByName, argument);
  } catch (cause) {
    throw new InvalidArgumentError({ argument, message: (cause as Error).message, cause });
  }
}
