/**
 * JSON (RFC 8259) as an automaton over bytes: where a text stands that may become an object. Text in UTF-8 needs no look at
 * what is beyond ASCII, as that is allowed within strings only.
 */

/** What may come next. */
type Mode =
  | 'object' // the object that all of it is
  | 'first-key' // or the end of an object
  | 'key'
  | 'colon'
  | 'value'
  | 'first-value' // or the end of an array
  | 'after-value'
  | 'string'
  | 'escape'
  | 'hex'
  | 'literal'
  | 'minus'
  | 'zero'
  | 'integer'
  | 'point'
  | 'fraction'
  | 'exponent'
  | 'exponent-sign'
  | 'exponent-digits'
  | 'done';

export interface JsonState {
  readonly mode: Mode;
  /** The objects and arrays that are open, "{" and "[", the outermost first. */
  readonly open: string;
  /** In a string, whether it is a key. */
  readonly isKey: boolean;
  /** Of a literal, what is to come; of an escape, the hexadecimal digits that are to come. */
  readonly rest: string;
  /** Spaces and line breaks that have just come. */
  readonly blanks: number;
}

export const jsonStart: JsonState = { mode: 'object', open: '', isKey: false, rest: '', blanks: 0 };

/** A model that has nothing to say must not go on with blanks for ever. */
const mostBlanks = 48;
const deepest = 128;

const code = (character: string) => character.charCodeAt(0);
const quote = code('"');
const backslash = code('\\');
const literals = new Map(['true', 'false', 'null'].map((word) => [code(word), word.slice(1)]));
const closers: Readonly<Record<string, number>> = { '{': code('}'), '[': code(']') };

/** Where the text stands after one byte more; undefined where that cannot be JSON any more. */
export function nextState(state: JsonState, byte: number): JsonState | undefined {
  switch (state.mode) {
    case 'string':
      return inString(state, byte);
    case 'escape':
      if (byte === code('u')) return { ...state, mode: 'hex', rest: '0000' };
      return '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? { ...state, mode: 'string' } : undefined;
    case 'hex':
      if (!isHex(byte)) return undefined;
      return state.rest.length > 1 ? { ...state, rest: state.rest.slice(1) } : { ...state, mode: 'string', rest: '' };
    case 'literal':
      if (byte !== code(state.rest)) return undefined;
      return state.rest.length > 1 ? { ...state, rest: state.rest.slice(1) } : afterValue(state.open);
    case 'done':
      return undefined;
    default:
      return isNumber(state.mode) ? inNumber(state, byte) : betweenTokens(state, byte);
  }
}

function inString(state: JsonState, byte: number): JsonState | undefined {
  if (byte === quote) return state.isKey ? plain('colon', state.open) : afterValue(state.open);
  if (byte === backslash) return { ...state, mode: 'escape' };
  return byte < 0x20 ? undefined : state;
}

function betweenTokens(state: JsonState, byte: number): JsonState | undefined {
  const { mode, open } = state;
  if (isBlank(byte)) return state.blanks < mostBlanks ? { ...state, blanks: state.blanks + 1 } : undefined;
  switch (mode) {
    case 'object':
      return byte === code('{') ? plain('first-key', '{') : undefined;
    case 'first-key':
      return byte === code('}') ? close(open) : key(open, byte);
    case 'key':
      return key(open, byte);
    case 'colon':
      return byte === code(':') ? plain('value', open) : undefined;
    case 'first-value':
      return byte === code(']') ? close(open) : value(open, byte);
    case 'value':
      return value(open, byte);
    default:
      return afterItem(open, byte);
  }
}

function key(open: string, byte: number): JsonState | undefined {
  return byte === quote ? { ...plain('string', open), isKey: true } : undefined;
}

function value(open: string, byte: number): JsonState | undefined {
  const literal = literals.get(byte);
  if (literal) return { ...plain('literal', open), rest: literal };
  if (byte === quote) return plain('string', open);
  if (byte === code('-')) return plain('minus', open);
  if (byte === code('0')) return plain('zero', open);
  if (isDigit(byte)) return plain('integer', open);
  if (open.length >= deepest) return undefined;
  if (byte === code('{')) return plain('first-key', `${open}{`);
  return byte === code('[') ? plain('first-value', `${open}[`) : undefined;
}

/** After a value that belongs to an object or an array. */
function afterItem(open: string, byte: number): JsonState | undefined {
  const innermost = open.at(-1) as string;
  if (byte === closers[innermost]) return close(open);
  if (byte !== code(',')) return undefined;
  return plain(innermost === '{' ? 'key' : 'value', open);
}

/** What a number may go on with: RFC 8259, section 6. */
const digitsAfter: Partial<Record<Mode, Mode>> = {
  integer: 'integer',
  point: 'fraction',
  fraction: 'fraction',
  exponent: 'exponent-digits',
  'exponent-sign': 'exponent-digits',
  'exponent-digits': 'exponent-digits',
};

function isNumber(mode: Mode): boolean {
  return mode === 'minus' || mode === 'zero' || mode in digitsAfter;
}

function inNumber(state: JsonState, byte: number): JsonState | undefined {
  const { mode, open } = state;
  if (isDigit(byte)) {
    if (mode === 'minus') return plain(byte === code('0') ? 'zero' : 'integer', open);
    const next = digitsAfter[mode];
    return next === mode ? state : next && plain(next, open);
  }
  const isWhole = mode === 'zero' || mode === 'integer';
  if (byte === code('.')) return isWhole ? plain('point', open) : undefined;
  if (byte === code('e') || byte === code('E')) {
    return isWhole || mode === 'fraction' ? plain('exponent', open) : undefined;
  }
  if (byte === code('+') || byte === code('-')) return mode === 'exponent' ? plain('exponent-sign', open) : undefined;
  const isComplete = isWhole || mode === 'fraction' || mode === 'exponent-digits';
  return isComplete ? betweenTokens(afterValue(open), byte) : undefined;
}

function plain(mode: Mode, open: string): JsonState {
  return { mode, open, isKey: false, rest: '', blanks: 0 };
}

function afterValue(open: string): JsonState {
  return plain('after-value', open);
}

function close(open: string): JsonState {
  const outer = open.slice(0, -1);
  return outer === '' ? plain('done', '') : afterValue(outer);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}
