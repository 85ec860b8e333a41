/** moeflow's errors as the AI SDK knows them, with moeflow's as their causes. */

import { AISDKError, APICallError, InvalidPromptError, type LanguageModelV3Prompt } from '@ai-sdk/provider';
import { MoeflowError } from '../errors.js';

/**
 * The error that a call of the SDK ends with. What is no error of moeflow stays as it is: the reason of an abort, and errors of
 * the SDK.
 */
export function asSdkError(error: unknown, call: { modelId: string; prompt: LanguageModelV3Prompt }): unknown {
  if (!(error instanceof MoeflowError)) return error;
  const { message } = error;
  const { prompt, modelId } = call;
  switch (error.code) {
    case 'QUEUE_FULL':
      // The SDK tries again after an APICallError that says so, and after no other error that a provider may throw.
      return new APICallError({
        message,
        url: `moeflow:${modelId}`,
        requestBodyValues: {},
        statusCode: 429,
        isRetryable: true,
        cause: error,
      });
    case 'CHAT_TEMPLATE_FAILED':
      return new InvalidPromptError({
        prompt,
        message: message.replace('Pass a string prompt instead', 'completionModel() reads prompts without one'),
        cause: error,
      });
    case 'CONTEXT_FULL':
    // Settings were checked before, so that it is the prompt that is wrong.
    case 'INVALID_ARGUMENT':
      return new InvalidPromptError({ prompt, message, cause: error });
    default:
      return new AISDKError({ name: 'AI_MoeflowError', message, cause: error });
  }
}
