/**
 * The byte alphabet of GPT-2: each of the 256 bytes has one printable character, so that a byte-level vocabulary can be
 * written as text. Printable Latin-1 bytes stand for themselves, the others for U+0100, U+0101, ... in order.
 * Source: openai/gpt-2, `bytes_to_unicode`.
 */

const utf8 = new TextEncoder();

function isItsOwnCharacter(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/** Character code of each byte. */
const codeOfByte = new Uint16Array(256);
/** Byte of each character code, -1 for characters outside the alphabet. */
const byteOfCode = new Int16Array(0x144).fill(-1);

for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const code = isItsOwnCharacter(byte) ? byte : next++;
  codeOfByte[byte] = code;
  byteOfCode[code] = byte;
}

/** The UTF-8 bytes of a text, each written as its character of the alphabet: one UTF-16 unit per byte. */
export function toByteAlphabet(text: string): string {
  const bytes = utf8.encode(text);
  const codes = new Array<number>(bytes.length);
  for (let index = 0; index < bytes.length; index++) codes[index] = codeOfByte[bytes[index] as number] as number;
  return stringFromCodes(codes);
}

/** The bytes that a string of the alphabet stands for; characters outside the alphabet give their own UTF-8 bytes. */
export function fromByteAlphabet(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const byte = byteOfCode[text.charCodeAt(index)] ?? -1;
    if (byte < 0) return fromMixedText(text);
    bytes[index] = byte;
  }
  return bytes;
}

function fromMixedText(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const byte = byteOfCode[character.codePointAt(0) as number] ?? -1;
    if (byte >= 0) bytes.push(byte);
    else bytes.push(...utf8.encode(character));
  }
  return Uint8Array.from(bytes);
}

/** `String.fromCharCode` takes its input as arguments, of which an engine allows only some ten thousands. */
function stringFromCodes(codes: readonly number[]): string {
  const chunk = 8192;
  if (codes.length <= chunk) return String.fromCharCode(...codes);
  let text = '';
  for (let start = 0; start < codes.length; start += chunk) {
    text += String.fromCharCode(...codes.slice(start, start + chunk));
  }
  return text;
}
