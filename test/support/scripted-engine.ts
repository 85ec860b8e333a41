/** An engine that computes nothing: it gives the tokens of a script, when the test lets it. */

import { noStepCounters } from '../../lib/experts/stats.js';
import { inspectModel } from '../../lib/index.js';
import { Model } from '../../lib/model/model.js';
import type { NativeAddon, NativeCancelFlag, NativeModel, NativeModelInfo, NativeStepItem } from '../../lib/native.js';
import { demoModel } from './fixtures.js';

/** What a step was asked to read, by the order in which sequences were created. */
export interface RecordedStep {
  sequence: number;
  tokens: number;
}

class Flag implements NativeCancelFlag {
  cancelled = false;
  cancel(): void {
    this.cancelled = true;
  }
}

export interface Script {
  /** The token that a sequence generates after its first `generated` ones. */
  token(generated: number, sequence: number): number;
  /** Awaited by every step before its end; a rejection is the step's. */
  beforeStepEnds?(step: number): Promise<unknown> | undefined;
  batchRows?: number;
  contextLength?: number;
}

export class ScriptedEngine implements NativeModel {
  readonly steps: RecordedStep[][] = [];
  /** Indices of the steps that were cancelled. */
  readonly cancelled: number[] = [];
  readonly freed: number[] = [];
  disposed = false;
  readonly #script: Script;
  readonly #generated: number[] = [];

  constructor(script: Script) {
    this.#script = script;
  }

  info(): NativeModelInfo {
    const { contextLength = 2 ** 24, batchRows = 512 } = this.#script;
    return {
      architecture: 'scripted',
      vocabulary: 4096,
      expertLayers: 1,
      experts: 2,
      expertsUsed: 1,
      contextLength,
      batchRows,
      policy: 'resident',
      memory: {},
    } as NativeModelInfo;
  }

  async createSequence(): Promise<number> {
    return this.#generated.push(0) - 1;
  }

  async freeSequence(sequence: number): Promise<void> {
    this.freed.push(sequence);
  }

  async step(items: NativeStepItem[], flag?: NativeCancelFlag) {
    const index = this.steps.push(items.map(({ sequence, tokens }) => ({ sequence, tokens: tokens.length }))) - 1;
    await this.#script.beforeStepEnds?.(index);
    if ((flag as Flag).cancelled) {
      this.cancelled.push(index);
      throw Object.assign(new Error('the step was cancelled'), { code: 'CANCELLED' });
    }
    return { items: items.map((item) => this.#result(item)), spent: noStepCounters };
  }

  counters() {
    return noStepCounters;
  }

  async layerCounters() {
    return [];
  }

  #result({ sequence, sample }: NativeStepItem) {
    if (!sample) return { token: -1, distinctExperts: 0 };
    const generated = this.#generated[sequence] as number;
    this.#generated[sequence] = generated + 1;
    return { token: this.#script.token(generated, sequence), distinctExperts: 0 };
  }

  async dispose(): Promise<void> {
    this.disposed = true;
  }

  metadata = () => Promise.reject(new Error('not scripted'));
  truncateSequence = () => Promise.reject(new Error('not scripted'));
}

/** A model of the demo model's vocabulary whose engine follows a script. */
export async function scriptedModel(script: Script): Promise<{ model: Model; engine: ScriptedEngine }> {
  const { metadata } = await inspectModel(demoModel);
  const engine = new ScriptedEngine(script);
  const addon = { CancelFlag: Flag, residentBytes: () => 0 } as unknown as NativeAddon;
  return { model: new Model(addon, engine, metadata, 0), engine };
}

/** The demo vocabulary's tokens for the bytes of a text, one token per byte. */
export function byteTokens(model: Model, text: string): number[] {
  const tokenOfByte: number[] = [];
  for (let id = 0; id < model.tokenizer.vocabSize; id++) {
    const bytes = model.tokenizer.isText(id) ? model.tokenizer.tokenBytes(id) : [];
    if (bytes.length === 1) tokenOfByte[bytes[0] as number] = id;
  }
  return [...new TextEncoder().encode(text)].map((byte) => tokenOfByte[byte] as number);
}

/** Lets everything run that is ready to, `turns` times over. */
export async function turnsOfEventLoop(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
}
