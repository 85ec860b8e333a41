/** A model as the AI SDK calls it. */

import { randomUUID } from 'node:crypto';
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3GenerateResult,
  LanguageModelV3StreamResult,
} from '@ai-sdk/provider';
import type { Generation } from '../generation/generation.js';
import { callSettings } from './call-settings.js';
import { asSdkError } from './errors.js';
import type { ModelLoader } from './model-loader.js';
import type { ReadPrompt } from './prompt.js';
import { finishOf } from './result.js';
import { streamParts } from './stream.js';

export class MoeflowLanguageModel implements LanguageModelV3 {
  readonly specificationVersion = 'v3';
  readonly provider: string;
  readonly modelId: string;
  /** Files are not read at all, wherever they are. */
  readonly supportedUrls = {};
  readonly #loader: ModelLoader;
  readonly #readPrompt: ReadPrompt;

  constructor(provider: string, modelId: string, loader: ModelLoader, readPrompt: ReadPrompt) {
    this.provider = provider;
    this.modelId = modelId;
    this.#loader = loader;
    this.#readPrompt = readPrompt;
  }

  async doGenerate(call: LanguageModelV3CallOptions): Promise<LanguageModelV3GenerateResult> {
    const { generation, warnings, response } = await this.#start(call);
    const result = await generation.result.catch((error) => {
      throw this.#asSdkError(error, call);
    });
    const { text } = result;
    return { content: text === '' ? [] : [{ type: 'text', text }], ...finishOf(result), response, warnings };
  }

  async doStream(call: LanguageModelV3CallOptions): Promise<LanguageModelV3StreamResult> {
    const { generation, warnings, response } = await this.#start(call);
    const asError = (error: unknown) => this.#asSdkError(error, call);
    return { stream: streamParts(generation, { warnings, response, signal: call.abortSignal, asError }) };
  }

  /** Everything that can be wrong with a call is found here, so that the SDK sees it in time to try again. */
  async #start(call: LanguageModelV3CallOptions) {
    const { options, warnings } = callSettings(call);
    const prompt = this.#readPrompt(call.prompt);
    const model = await this.#loader.load(call.abortSignal);
    const response = { id: `moeflow-${randomUUID()}`, timestamp: new Date(), modelId: this.modelId };
    try {
      const generation: Generation = model.generate(prompt.prompt, options);
      return { generation, warnings: [...warnings, ...prompt.warnings], response };
    } catch (error) {
      throw this.#asSdkError(error, call);
    }
  }

  #asSdkError(error: unknown, { prompt }: LanguageModelV3CallOptions): unknown {
    return asSdkError(error, { modelId: this.modelId, prompt });
  }
}
