/** Which models a provider has, and how they are loaded. */

import { InvalidArgumentError } from '../errors.js';
import { checkLoadOptions, type LoadModelOptions } from '../model/load-options.js';
import type { Model } from '../model/model.js';

/** A file and how it is loaded. */
export interface MoeflowModelSettings extends LoadModelOptions {
  /** As of `loadModel`: the model's file, any of its shards, its folder, or the paths of all shards. */
  path: string | string[];
}

type ModelSetting = string | string[] | MoeflowModelSettings | Model;

/** Options of `loadModel` hold for every model; those beside a `path` come before them. */
export interface MoeflowProviderSettings extends LoadModelOptions {
  /** The only model, which answers to every id: its path, or a model that is loaded already. */
  model?: ModelSetting;
  /** Several models by their ids. */
  models?: Readonly<Record<string, ModelSetting>>;
}

/** A model that is loaded already, or what loading it takes. */
export type Origin = { model: Model } | { path: string | string[]; options: LoadModelOptions };

/**
 * Where the models come from: `only` for all ids, or each by its own.
 *
 * @throws InvalidArgumentError naming the setting that is wrong; no file is looked at
 */
export function originsOf(settings: MoeflowProviderSettings): { only: Origin } | { byId: Map<string, Origin> } {
  const { model, models, ...shared } = settings ?? {};
  if ((model === undefined) === (models === undefined)) {
    throw new InvalidArgumentError('createMoeflow takes either model, a path, or models, an object of paths by ids');
  }
  if (model !== undefined) {
    const only = originOf(model, shared, 'model');
    checkUsed(shared, [only]);
    return { only };
  }
  if (typeof models !== 'object' || models === null || Array.isArray(models) || Object.keys(models).length === 0) {
    throw new InvalidArgumentError('models must be an object of at least one path by its id');
  }
  const byId = new Map(
    Object.entries(models).map(([id, setting]) => [id, originOf(setting, shared, `models.${id}`)] as const),
  );
  checkUsed(shared, [...byId.values()]);
  return { byId };
}

function originOf(setting: ModelSetting, shared: LoadModelOptions, name: string): Origin {
  // Not by its class: the model may come from another copy of this package.
  if (typeof setting === 'object' && setting !== null && 'generate' in setting) return { model: setting };
  const isPath = typeof setting === 'string' || Array.isArray(setting);
  if (!isPath && (typeof setting !== 'object' || setting === null || !('path' in setting))) {
    throw new InvalidArgumentError(`${name} must be a path, { path } with options of loadModel, or a loaded model`);
  }
  const { path, ...own } = isPath ? { path: setting } : setting;
  const options = { ...shared, ...own };
  checkLoadOptions(path, options, isPath ? 'createMoeflow settings' : name);
  return { path, options };
}

function checkUsed(shared: LoadModelOptions, origins: Origin[]): void {
  const [unused] = Object.keys(shared);
  if (unused === undefined || origins.some((origin) => 'path' in origin)) return;
  throw new InvalidArgumentError(`createMoeflow settings: ${unused} has no effect on a model that is loaded already`);
}
