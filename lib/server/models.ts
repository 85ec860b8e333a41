/** GET /v1/models: there is one. */

import type { ServerContext } from './context.js';
import { checkModel } from './parameters.js';

/** As the OpenAI API describes a model; `context_length` is an addition. */
export function modelObject({ settings, model, started }: ServerContext): object {
  return {
    id: settings.modelName,
    object: 'model',
    created: Math.floor(started / 1000),
    owned_by: 'moeflow',
    context_length: model.info.contextLength,
  };
}

export function modelList(context: ServerContext): object {
  return { object: 'list', data: [modelObject(context)] };
}

/** @throws ApiError 404 for another one */
export function modelNamed(context: ServerContext, name: string): object {
  checkModel(name, context.settings.modelName);
  return modelObject(context);
}
