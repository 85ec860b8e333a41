/** A provider whose model says what the test wants, one token for each byte. */

import { createMoeflow, type MoeflowProvider } from '../../lib/ai-sdk/index.js';
import type { Model } from '../../lib/index.js';
import { byteTokens, type Script, type ScriptedEngine, scriptedModel } from '../support/scripted-engine.js';

export const endToken = 4095; // <|im_end|>

// The SDK writes warnings to the console, unless it is told not to.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

export interface Speaker {
  moeflow: MoeflowProvider;
  model: Model;
  engine: ScriptedEngine;
  /** The tokens of each prompt that was read, control tokens as their names. */
  prompts: string[];
}

/** It says `text`, then ends; over and over, if it is to say it `endlessly`. */
export async function speaker(text: string, script: Partial<Script> & { endlessly?: boolean } = {}): Promise<Speaker> {
  const prompts: string[] = [];
  let answer: number[] = [];
  const { model, engine } = await scriptedModel({
    ...script,
    token(generated, _, tokens) {
      if (generated === 0) prompts.push(model.detokenize(tokens, { special: true }));
      return answer[script.endlessly ? generated % answer.length : generated] ?? endToken;
    },
  });
  answer = byteTokens(model, text);
  return { moeflow: createMoeflow({ model }), model, engine, prompts };
}
