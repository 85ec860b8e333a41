/** The provider: language models by their ids. */

import { type LanguageModelV3, NoSuchModelError, type ProviderV3 } from '@ai-sdk/provider';
import type { Model } from '../model/model.js';
import { MoeflowLanguageModel } from './language-model.js';
import { ModelLoader } from './model-loader.js';
import { chatPrompt, completionPrompt } from './prompt.js';
import { type MoeflowProviderSettings, originsOf } from './settings.js';

export interface MoeflowProvider extends ProviderV3, AsyncDisposable {
  /** The same as {@link languageModel}. */
  (modelId: string): LanguageModelV3;
  /**
   * A model for `generateText`, `streamText` and so on, which reads conversations by its file's chat template. It is loaded
   * when it is first used.
   *
   * @throws NoSuchModelError for an id that is not among `models`
   */
  languageModel(modelId: string): LanguageModelV3;
  /**
   * The same without chat template: the prompt is continued as it is. For models that were not trained on conversations.
   *
   * @throws as {@link languageModel}
   */
  completionModel(modelId: string): LanguageModelV3;
  /**
   * The loaded model, for what the AI SDK has no words for, or to load it before it is used.
   *
   * @throws NoSuchModelError; by rejecting also AISDKError when it cannot be loaded
   */
  load(modelId: string): Promise<Model>;
  /**
   * Ends all generations and gives back all memory of models that were loaded here; a model that was handed over loaded
   * remains. Safe to call again.
   */
  dispose(): Promise<void>;
}

/**
 * A provider of models from GGUF files, run in this process.
 *
 * @throws InvalidArgumentError of moeflow, naming the setting that is wrong
 */
export function createMoeflow(settings: MoeflowProviderSettings): MoeflowProvider {
  const loaders = loadersOf(settings);
  const languageModel = (modelId: string) =>
    new MoeflowLanguageModel('moeflow.chat', modelId, loaders.get(modelId), chatPrompt);
  return Object.assign((modelId: string) => languageModel(modelId), {
    specificationVersion: 'v3' as const,
    languageModel,
    completionModel: (modelId: string) =>
      new MoeflowLanguageModel('moeflow.completion', modelId, loaders.get(modelId), completionPrompt),
    load: async (modelId: string) => loaders.get(modelId).load(),
    dispose: loaders.dispose,
    [Symbol.asyncDispose]: loaders.dispose,
    embeddingModel: (modelId: string) => noSuchModel(modelId, 'embeddingModel'),
    textEmbeddingModel: (modelId: string) => noSuchModel(modelId, 'embeddingModel'),
    imageModel: (modelId: string) => noSuchModel(modelId, 'imageModel'),
  });
}

function loadersOf(settings: MoeflowProviderSettings) {
  const origins = originsOf(settings);
  const only = 'only' in origins ? new ModelLoader(origins.only) : undefined;
  const byId = new Map(
    'byId' in origins ? [...origins.byId].map(([id, origin]) => [id, new ModelLoader(origin)] as const) : [],
  );
  const all = only ? [only] : [...byId.values()];
  return {
    get: (modelId: string): ModelLoader => {
      const known = [...byId.keys()].join(', ');
      return only ?? byId.get(modelId) ?? noSuchModel(modelId, 'languageModel', `: createMoeflow was given ${known}`);
    },
    dispose: async () => void (await Promise.all(all.map((loader) => loader.dispose()))),
  };
}

function noSuchModel(modelId: string, modelType: 'languageModel' | 'embeddingModel' | 'imageModel', hint = ''): never {
  throw new NoSuchModelError({ modelId, modelType, message: `No such ${modelType}: ${modelId}${hint}` });
}
