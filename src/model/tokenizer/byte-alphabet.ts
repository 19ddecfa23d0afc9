/**
 * GPT-2's byte-to-unicode map: in a byte-level vocabulary each byte is written as one printable character.
 * Bytes that are printable in Latin-1 stand for themselves; the others, in order, for U+0100 and up
 * (openai/gpt-2, encoder.py, bytes_to_unicode).
 */

const ALPHABET_END = 0x144;

const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

/** Byte of each character code, -1 where the alphabet has none. */
const BYTE_OF_CODE = new Int16Array(ALPHABET_END).fill(-1);
{
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) BYTE_OF_CODE[isPrintable(byte) ? byte : next++] = byte;
}

const utf8 = new TextEncoder();

/** Writes the bytes that `text` stands for to `out` from `at` on; returns their end, or -1 for text outside the alphabet. */
export function writeAlphabetBytes(text: string, out: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const byte = code < ALPHABET_END ? BYTE_OF_CODE[code]! : -1;
    if (byte < 0) return -1;
    out[at++] = byte;
  }
  return at;
}

/** The bytes of a token's text; characters outside the alphabet stand for their own UTF-8. */
export function tokenTextBytes(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const byte = code < ALPHABET_END ? BYTE_OF_CODE[code]! : -1;
    if (byte >= 0) bytes.push(byte);
    else bytes.push(...utf8.encode(character));
  }
  return Uint8Array.from(bytes);
}
