/** An engine that computes nothing: it gives the tokens of a script, when the test lets it. */

import { noStepCounters, sumOfExperts } from '../../lib/experts/stats.js';
import { inspectModel } from '../../lib/index.js';
import { Model } from '../../lib/model/model.js';
import type { NativeAddon } from '../../lib/native/addon.js';
import type { NativeModel, NativeModelInfo } from '../../lib/native/model.js';
import {
  kvBlockTokens,
  type NativeCancelFlag,
  type NativeExpertCounters,
  type NativeSampling,
  type NativeStepItem,
} from '../../lib/native/step.js';
import type { SchedulingLimits } from '../../lib/scheduling/settings.js';
import { demoModel } from './fixtures.js';

/** What a step was asked to read, by the order in which sequences were created. */
export interface RecordedStep {
  sequence: number;
  tokens: number;
}

/** Blocks of the key/value cache, which sequences may share, and the tokens in them. */
interface ScriptedSequence {
  tokens: number[];
  blocks: { users: number }[];
}

/** Of a plan of memory, what servers show. */
const memory = { experts: 2, expertSlots: 2, expertBytes: 2 ** 20, kvCacheBytes: 2 ** 19, deviceBytes: 0 };

class Flag implements NativeCancelFlag {
  cancelled = false;
  cancel(): void {
    this.cancelled = true;
  }
}

export interface Script {
  /** The token that a sequence generates after its first `generated` ones, or after these tokens. */
  token(generated: number, sequence: number, tokens: readonly number[]): number;
  /** Awaited by every step before its end; a rejection is the step's. */
  beforeStepEnds?(step: number): Promise<unknown> | undefined;
  batchRows?: number;
  contextLength?: number;
  kvCacheTokens?: number;
  limits?: SchedulingLimits;
  /** What became of the experts of each layer so far. Without, all of them are in memory. */
  layers?(): NativeExpertCounters[];
}

export class ScriptedEngine implements NativeModel {
  readonly steps: RecordedStep[][] = [];
  /** Indices of the steps that were cancelled. */
  readonly cancelled: number[] = [];
  readonly freed: number[] = [];
  /** Which tokens might be drawn, for each that was; undefined where all might. */
  readonly allowed: (Uint8Array | undefined)[] = [];
  /** How the tokens of each sequence are drawn, by the order in which they were created. */
  readonly samplings: NativeSampling[] = [];
  disposed = false;
  readonly #script: Script;
  readonly #generated: number[] = [];
  readonly #sequences = new Map<number, ScriptedSequence>();
  #blocks = 0;

  constructor(script: Script) {
    this.#script = script;
  }

  info(): NativeModelInfo {
    const { contextLength = 2 ** 24, batchRows = 512, kvCacheTokens = 2 ** 24, layers } = this.#script;
    return {
      architecture: 'scripted',
      vocabulary: 4096,
      expertLayers: layers?.().length ?? 1,
      experts: 2,
      expertsUsed: 1,
      contextLength,
      batchRows,
      policy: layers ? 'plec' : 'resident',
      deviceSlots: 0,
      memory: { ...memory, kvCacheTokens, allExperts: layers === undefined },
    } as NativeModelInfo;
  }

  async createSequence(): Promise<number> {
    const sequence = this.#generated.push(0) - 1;
    this.#sequences.set(sequence, { tokens: [], blocks: [] });
    return sequence;
  }

  async shareSequence(from: number, length: number): Promise<number> {
    const { tokens, blocks } = this.#sequences.get(from) as ScriptedSequence;
    if (length % kvBlockTokens !== 0 || length > tokens.length) throw new Error(`${length} tokens cannot be shared`);
    const sequence = await this.createSequence();
    const shared = { tokens: tokens.slice(0, length), blocks: blocks.slice(0, length / kvBlockTokens) };
    this.#sequences.set(sequence, shared);
    for (const block of shared.blocks) block.users++;
    return sequence;
  }

  async freeSequence(sequence: number): Promise<void> {
    this.freed.push(sequence);
    for (const block of this.#sequences.get(sequence)?.blocks ?? []) if (--block.users === 0) this.#blocks--;
    this.#sequences.delete(sequence);
  }

  kvBlocksInUse(): number {
    return this.#blocks;
  }

  async step(items: NativeStepItem[], flag?: NativeCancelFlag) {
    const index = this.steps.push(items.map(({ sequence, tokens }) => ({ sequence, tokens: tokens.length }))) - 1;
    await this.#script.beforeStepEnds?.(index);
    if ((flag as Flag).cancelled) {
      this.cancelled.push(index);
      throw Object.assign(new Error('the step was cancelled'), { code: 'CANCELLED' });
    }
    for (const item of items) this.#read(item);
    return { items: items.map((item) => this.#result(item)), spent: noStepCounters };
  }

  #read({ sequence, tokens }: NativeStepItem): void {
    const s = this.#sequences.get(sequence) as ScriptedSequence;
    s.tokens.push(...tokens);
    for (; s.blocks.length * kvBlockTokens < s.tokens.length; this.#blocks++) s.blocks.push({ users: 1 });
    if (this.kvBlocksInUse() * kvBlockTokens > this.info().memory.kvCacheTokens) {
      throw Object.assign(new Error('the key/value cache is full'), { code: 'KV_CACHE_FULL' });
    }
  }

  counters() {
    const layers = this.#script.layers?.() ?? [];
    return { ...noStepCounters, experts: layers.reduce(sumOfExperts, noStepCounters.experts) };
  }

  async experts() {
    const { expertLayers, experts } = this.info();
    const count = expertLayers * experts;
    return { uses: new Float64Array(count), inMemory: new Uint8Array(count).fill(1) };
  }

  async layerCounters() {
    return this.#script.layers?.() ?? [];
  }

  #result({ sequence, sample, allowed }: NativeStepItem) {
    if (!sample) return { token: -1, distinctExperts: 0 };
    this.allowed.push(allowed);
    this.samplings[sequence] = sample;
    const generated = this.#generated[sequence] as number;
    this.#generated[sequence] = generated + 1;
    const { tokens } = this.#sequences.get(sequence) as ScriptedSequence;
    return { token: this.#script.token(generated, sequence, tokens), distinctExperts: 0 };
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
  return { model: new Model(addon, engine, metadata, { seconds: 0, limits: script.limits }), engine };
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
