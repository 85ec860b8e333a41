/** The AI SDK's prompts as the engine's: a conversation for the chat template, or text that is continued. */

import {
  type LanguageModelV3Message,
  type LanguageModelV3Prompt,
  type LanguageModelV3ToolResultPart,
  type SharedV3Warning,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider';
import type { ChatMessage } from '../generation/chat-template.js';
import type { Prompt } from '../model/model.js';

/** @throws UnsupportedFunctionalityError for what is no text */
export type ReadPrompt = (prompt: LanguageModelV3Prompt) => { prompt: Prompt; warnings: SharedV3Warning[] };

type MessageOf<Role extends LanguageModelV3Message['role']> = Extract<LanguageModelV3Message, { role: Role }>;

/** Messages with the fields that templates of GGUF files know: those of Hugging Face's `apply_chat_template`. */
export const chatPrompt: ReadPrompt = (prompt) => {
  const leftOut = new Set<string>();
  const messages = prompt.flatMap((message): ChatMessage[] => {
    switch (message.role) {
      case 'system':
        return [{ role: 'system', content: message.content }];
      case 'user':
        return [{ role: 'user', content: message.content.map(textPart) }];
      case 'assistant':
        return [assistantMessage(message, leftOut)];
      case 'tool':
        return toolMessages(message);
    }
  });
  const warnings = [...leftOut].map((what) => ({
    type: 'other' as const,
    message: `${what} are left out of the prompt`,
  }));
  return { prompt: messages, warnings };
};

/** A single message of the user, which is what the SDK makes of a `prompt` without `system`. */
export const completionPrompt: ReadPrompt = (prompt) => {
  const [message] = prompt;
  if (prompt.length !== 1 || message?.role !== 'user') {
    throw unsupported('conversations and system messages in a completion model', 'give it a prompt only');
  }
  const text = message.content.map((part) => textPart(part).text).join('');
  return { prompt: text, warnings: [] };
};

function assistantMessage({ content }: MessageOf<'assistant'>, leftOut: Set<string>): ChatMessage {
  let [text, thoughts] = ['', ''];
  const calls: object[] = [];
  for (const part of content) {
    if (part.type === 'reasoning') thoughts += part.text;
    else if (part.type === 'tool-call') calls.push(toolCall(part));
    else if (part.type === 'tool-result') leftOut.add("results of another provider's own tools");
    // What it said before and after a call is one text that it made in one go.
    else text += textPart(part).text;
  }
  return {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    ...(thoughts === '' ? {} : { reasoning_content: thoughts }),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

/** Templates write arguments as JSON themselves. */
function toolCall({ toolCallId, toolName, input }: { toolCallId: string; toolName: string; input: unknown }): object {
  return { id: toolCallId, type: 'function', function: { name: toolName, arguments: input } };
}

function toolMessages({ content }: MessageOf<'tool'>): ChatMessage[] {
  return content.flatMap((part) => {
    // Whether a call was allowed shows in its result.
    if (part.type !== 'tool-result') return [];
    const { toolCallId, toolName, output } = part;
    return [{ role: 'tool', tool_call_id: toolCallId, name: toolName, content: toolOutput(output) }];
  });
}

function toolOutput(output: LanguageModelV3ToolResultPart['output']): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value);
    case 'execution-denied':
      return output.reason ?? 'The call was not allowed.';
    case 'content':
      return output.value.map((part) => textPart(part).text).join('\n');
  }
}

function textPart(part: { type: string; text?: string; mediaType?: string }): { type: 'text'; text: string } {
  if (part.type === 'text' && part.text !== undefined) return { type: 'text', text: part.text };
  throw unsupported(
    `${part.type} parts${part.mediaType ? ` (${part.mediaType})` : ''} in prompts`,
    'models read text only',
  );
}

function unsupported(functionality: string, remedy: string): UnsupportedFunctionalityError {
  return new UnsupportedFunctionalityError({ functionality, message: `${functionality} are not supported: ${remedy}` });
}
