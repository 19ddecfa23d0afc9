import { WebMoEError } from "../../api/errors.ts";
import type { UnopenedFile } from "./source.ts";

/**
 * Split models whose parts lie in one folder and are named by gguf-split's scheme,
 * `<name>-00002-of-00003.gguf`, counted from 1.
 */
const PART_NAME = /^(.*-)(\d{5})(-of-)(\d{5})(\.gguf)$/is;

/** More than any model has; what claims more would only send a flood of requests. */
const MAX_PARTS = 1024;

/** What the name of one part says of all. */
export interface SplitName {
  readonly count: number;
  /** Index of the part that was named, from 0. */
  readonly index: number;
  /** The parts' names in order. */
  readonly names: readonly string[];
}

/** Undefined if `fileName` is not the name of one of several parts. */
export function parseSplitName(fileName: string): SplitName | undefined {
  const match = PART_NAME.exec(fileName);
  if (!match) return undefined;
  const [, stem, number, of, total, ending] = match;
  const count = Number(total);
  const index = Number(number) - 1;
  if (count < 2 || count > MAX_PARTS || index < 0 || index >= count) return undefined;
  const digits = (value: number): string => String(value).padStart(5, "0");
  const names = Array.from({ length: count }, (_, i) => stem + digits(i + 1) + of + total + ending);
  return { count, index, names };
}

/** The file of another name beside the one that `url` names; its query (a signature, a download flag) is kept. */
export function siblingUrl(url: string, fileName: string): string {
  const sibling = new URL(url);
  sibling.pathname = sibling.pathname.replace(/[^/]*$/, encodeURIComponent(fileName));
  return sibling.href;
}

/** The last segment of the path of `url`; undefined if it has none, or is not well encoded. */
export function fileNameOfUrl(url: string): string | undefined {
  const { protocol, pathname } = new URL(url);
  if (!/^https?:$/.test(protocol)) return undefined;
  try {
    return decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1)) || undefined;
  } catch {
    return undefined;
  }
}

/** The parts that a file's name promises, itself among them, in order; undefined if it promises none. */
export function promisedParts(file: UnopenedFile): readonly UnopenedFile[] | undefined {
  const { folder } = file;
  if (!folder) return undefined;
  const split = parseSplitName(folder.fileName);
  return split?.names.map((name, i) => (i === split.index ? file : folder.file(name)));
}

/** Opens a part; where it cannot be had, the error says which part of what. */
export function partOf(file: UnopenedFile, index: number, count: number): UnopenedFile {
  return {
    ...file,
    open: (signal) =>
      file.open(signal).catch((cause: unknown) => {
        if (!(cause instanceof WebMoEError) || cause.code === "aborted") throw cause;
        throw new WebMoEError(
          cause.code,
          `Part ${index + 1} of ${count} of the split model could not be opened: ${cause.message}`,
          { cause },
        );
      }),
  };
}
