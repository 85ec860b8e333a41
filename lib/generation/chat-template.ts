/**
 * Chat messages to a prompt, by the Jinja template that a GGUF file carries.
 *
 * The template comes with the model file and is not trusted: it runs in the Jinja interpreter, which reaches nothing of
 * this process, and its length, its running time and the length of its result are bounded. A hostile template can still
 * use up memory.
 */

import { createContext, Script } from 'node:vm';
import { Environment, Interpreter, Template } from '@huggingface/jinja';
import { InvalidArgumentError, MoeflowError } from '../errors.js';
import { shortened } from '../options.js';
import type { EncodeOptions, Tokenizer } from '../tokenizer/index.js';

/** A part of a message's content, as in OpenAI's API; only text is understood. */
export interface ChatTextPart {
  readonly type: 'text';
  readonly text: string;
}

/** Fields other than role and content, such as `tool_calls`, are passed to the template as they are. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: string | readonly ChatTextPart[] | null;
  readonly [field: string]: unknown;
}

type Variables = Readonly<Record<string, unknown>>;

export interface ChatTemplateOptions {
  /** End the prompt with the beginning of an answer. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** Further variables that this template knows, such as `enable_thinking` or `tools`. */
  readonly variables?: Variables;
  /** What `strftime_now` tells. Default: the present. */
  readonly now?: Date;
  /** How long the template may run. Default 5000. */
  readonly timeoutMs?: number;
}

/** The template is missing, wrong, or refused the messages. */
export class ChatTemplateError extends MoeflowError {
  constructor(message: string, options?: ErrorOptions) {
    super('CHAT_TEMPLATE_FAILED', message, options);
  }
}

const templateKey = 'tokenizer.chat_template';
const chatMl =
  '{% for message in messages %}' +
  "{{ '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>' + '\\n' }}" +
  '{% endfor %}' +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const maxTemplateLength = 1 << 20;
const maxRangeLength = 100_000;
const defaultTimeoutMs = 5_000;
/** Of a field of a message: arrays and objects in each other. What goes through them all calls itself as deep. */
const maxLevels = 100;
/** A template adds something per message and may repeat a content, but not without end. */
const maxOutputLength = (inputLength: number) => (1 << 20) + 8 * inputLength;

/** Unicode noncharacters: allowed in strings, without meaning, and never part of real text. */
const escapeMarks = Array.from({ length: 32 }, (_, index) => String.fromCharCode(0xfdd0 + index));

/** The chat template of one model. */
export class ChatTemplate {
  readonly #tokenizer: Tokenizer;
  readonly #source: string;
  /** 'file', or 'chatml' when the file has no template but a vocabulary made for ChatML. */
  readonly origin: 'file' | 'chatml';
  #parsed: Template | undefined;

  private constructor(tokenizer: Tokenizer, source: string, origin: 'file' | 'chatml') {
    this.#tokenizer = tokenizer;
    this.#source = source;
    this.origin = origin;
  }

  /**
   * The template of a file, or ChatML if the file has none but its vocabulary has ChatML's control tokens.
   *
   * @throws ChatTemplateError when there is neither, or when the template is no string or too long
   */
  static fromMetadata(metadata: Readonly<Record<string, unknown>>, tokenizer: Tokenizer): ChatTemplate {
    const source = metadata[templateKey] ?? undefined;
    const isChatMl = ['<|im_start|>', '<|im_end|>'].every((name) => tokenizer.specialTokenId(name) !== undefined);
    if (source === undefined && isChatMl) return new ChatTemplate(tokenizer, chatMl, 'chatml');
    if (source === undefined) throw unusable('is missing: this model has no chat format');
    if (typeof source !== 'string') throw unusable(`is ${typeof source}, expected a string`);
    if (source.length <= maxTemplateLength) return new ChatTemplate(tokenizer, source, 'file');
    throw unusable(`has ${source.length} characters, at most ${maxTemplateLength} are accepted`);
  }

  /**
   * The prompt as text. Encoding it with `parseSpecial` would read names of control tokens inside a message as control
   * tokens, so that a user could forge the end of a message: use {@link encode} for prompts of a model.
   *
   * @throws InvalidArgumentError for a wrong message, naming its index; ChatTemplateError when the template fails or refuses
   */
  render(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): string {
    return this.#run(checkedMessages(messages), options.variables ?? {}, options);
  }

  /**
   * The prompt as tokens. Control tokens come from the template alone: names of control tokens in messages and variables
   * are kept apart while the template runs and become plain text. Errors as of {@link render}, and those of the tokenizer.
   */
  encode(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): Int32Array {
    const { text, encoding } = this.renderMarked(messages, options);
    return this.#tokenizer.encode(text, encoding);
  }

  /** The text that {@link encode} encodes, and how. Errors as of {@link render}. */
  renderMarked(
    messages: readonly ChatMessage[],
    options: ChatTemplateOptions = {},
  ): { text: string; encoding: EncodeOptions } {
    const input = { messages: checkedMessages(messages), variables: options.variables ?? {} };
    const mark = unusedMark(this.#source + JSON.stringify(input));
    const escaped = mapStrings(input, (text) => this.#tokenizer.escapeSpecial(text, mark)) as typeof input;
    const text = this.#run(escaped.messages, escaped.variables, options);
    // A template of the file writes the begin token itself, as in Hugging Face's `apply_chat_template`.
    return { text, encoding: { addSpecial: this.origin === 'chatml', parseSpecial: true, escapeMark: mark } };
  }

  #run(messages: readonly ChatMessage[], variables: Variables, options: ChatTemplateOptions): string {
    const reserved = { ...this.#globals(options), namespace: undefined };
    const hidden = Object.keys(variables).find((name) => Object.hasOwn(reserved, name) || name === 'messages');
    if (hidden !== undefined)
      throw new InvalidArgumentError(`variables.${hidden} is a name that templates already have: leave it out.`);
    // The same nulls that Hugging Face's `apply_chat_template` passes.
    const given = { tools: null, documents: null, ...variables, messages };
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...given, ...this.#globals(options) })) environment.set(name, value);
    const output = withinTime(options.timeoutMs ?? defaultTimeoutMs, () => {
      this.#parsed ??= new Template(this.#source);
      return String(new Interpreter(environment).run(this.#parsed.parsed).value);
    });
    const limit = maxOutputLength(JSON.stringify(given).length);
    if (output.length <= limit) return output;
    throw unusable(`made a prompt of ${output.length} characters, at most ${limit} are accepted`);
  }

  #globals(options: ChatTemplateOptions): Record<string, unknown> {
    const nameOf = (id: number | undefined) => (id === undefined ? '' : this.#tokenizer.tokenName(id));
    return {
      ...constants,
      ...functions(options.now ?? new Date()),
      bos_token: nameOf(this.#tokenizer.bosTokenId),
      eos_token: nameOf(this.#tokenizer.eosTokenId),
      add_generation_prompt: options.addGenerationPrompt ?? true,
    };
  }
}

function unusable(problem: string): ChatTemplateError {
  return new ChatTemplateError(`${templateKey} ${problem}. Pass a string prompt instead.`);
}

const constants = { true: true, false: false, none: null, True: true, False: false, None: null };

/** What templates may call. The interpreter's own `range` has no limit. */
function functions(now: Date): Record<string, unknown> {
  return {
    range: boundedRange,
    strftime_now: (format: string) => formatDate(now, format),
    raise_exception: (message: string) => {
      throw new Error(message);
    },
  };
}

function boundedRange(startOrStop: number, stop?: number, step = 1): number[] {
  const [start, end] = stop === undefined ? [0, startOrStop] : [startOrStop, stop];
  const length = Math.max(0, Math.ceil((end - start) / step));
  // Also refuses a step of 0, whose length is infinite or no number.
  if (!(length <= maxRangeLength)) throw new Error(`range() of ${length} numbers, at most ${maxRangeLength} allowed`);
  return Array.from({ length }, (_, index) => start + index * step);
}

function formatDate(date: Date, format: string): string {
  const name = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-US', options).format(date);
  const twoDigits = (value: number) => String(value).padStart(2, '0');
  const fields: Record<string, () => string> = {
    '%Y': () => String(date.getFullYear()),
    '%m': () => twoDigits(date.getMonth() + 1),
    '%d': () => twoDigits(date.getDate()),
    '%H': () => twoDigits(date.getHours()),
    '%M': () => twoDigits(date.getMinutes()),
    '%b': () => name({ month: 'short' }),
    '%B': () => name({ month: 'long' }),
    '%%': () => '%',
  };
  return format.replace(/%[A-Za-z%]/g, (field) => fields[field]?.() ?? field);
}

const timedCall = new Script('call()');

/** Runs a synchronous function; V8 ends it when the time is over. */
function withinTime(milliseconds: number, render: () => string): string {
  try {
    return timedCall.runInContext(createContext({ call: render }), { timeout: milliseconds });
  } catch (cause) {
    const isTimeout = (cause as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    const problem = isTimeout ? `ran longer than ${milliseconds} ms` : (cause as Error).message;
    throw new ChatTemplateError(`${templateKey}: ${problem}`, { cause });
  }
}

function unusedMark(text: string): string {
  const mark = escapeMarks.find((candidate) => !text.includes(candidate));
  if (mark !== undefined) return mark;
  throw new InvalidArgumentError(
    'messages contain all of the noncharacters U+FDD0 to U+FDEF, which are not text: remove them.',
  );
}

function mapStrings(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((entry) => mapStrings(entry, map));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [map(key), mapStrings(entry, map)]));
}

/** The messages with their contents as strings. */
function checkedMessages(messages: readonly ChatMessage[]): ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InvalidArgumentError('messages must be an array with at least one { role, content }.');
  }
  return messages.map((message: unknown, index) => {
    const place = `messages[${index}]`;
    if (typeof message !== 'object' || message === null)
      throw new InvalidArgumentError(`${place} must be { role, content }.`);
    const { role, content, ...rest } = message as ChatMessage;
    if (typeof role !== 'string' || role === '') {
      throw new InvalidArgumentError(`${place}.role must be a name such as "user", it is ${JSON.stringify(role)}.`);
    }
    for (const [field, value] of Object.entries(rest)) {
      if (!isDeeper(value, maxLevels)) continue;
      throw new InvalidArgumentError(
        `${place}.${shortened(field)} has more than ${maxLevels} levels: make it flatter.`,
      );
    }
    // An assistant's message can consist of calls alone.
    if ((content === undefined || content === null) && 'tool_calls' in rest) return { ...rest, role, content: null };
    return { ...rest, role, content: contentText(content, `${place}.content`) };
  });
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((entry) => isDeeper(entry, levels - 1));
}

function contentText(content: unknown, place: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) {
    throw new InvalidArgumentError(
      `${place} must be a string or an array of { type: "text", text }, it is ${typeof content}.`,
    );
  }
  const texts = content.map((part: Partial<ChatTextPart> | null, index) => {
    if (part?.type === 'text' && typeof part.text === 'string') return part.text;
    throw new InvalidArgumentError(`${place}[${index}] must be { type: "text", text }: this model takes text only.`);
  });
  return texts.join('\n');
}
