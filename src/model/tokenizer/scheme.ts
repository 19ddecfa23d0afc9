/** What is particular to a kind of vocabulary: how text between special tokens becomes ids, and ids bytes. */
export interface Scheme {
  /** Whether texts begin with BOS where the file does not say. */
  readonly addBos: boolean;
  /** Whether a space goes before text at the start and after special tokens, unless the file forbids it. */
  readonly spacePrefix: boolean;
  /** Appends the ids of `text`, well-formed UTF-16 without special tokens. */
  encode(text: string, ids: number[]): void;
  /** The bytes that a normal token's text stands for. */
  bytesOf(text: string): Uint8Array;
}
