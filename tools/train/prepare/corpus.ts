/**
 * The corpus folder: `<name>.jsonl.gz` for training and `<name>.heldout.jsonl.gz`, one JSON object a line with `src`
 * (source, with `:detail`), `text`, and for questions `prompt`. Splits are made there by source passage, so that
 * parts of one passage are on one side.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

export interface Document {
  readonly src: string;
  readonly text: string;
  readonly prompt?: string;
}

export type Part = "train" | "heldout";

/** Documents in the order of the file. Throws, naming file and line, where one is not as described above. */
export async function readCorpus(folder: string, name: string, part: Part): Promise<readonly Document[]> {
  const file = join(folder, part === "train" ? `${name}.jsonl.gz` : `${name}.heldout.jsonl.gz`);
  const lines = gunzipSync(await readFile(file))
    .toString("utf8")
    .split("\n");
  const documents: Document[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === "") continue;
    const value: unknown = JSON.parse(line);
    if (!isDocument(value)) throw new Error(`${file}, line ${index + 1}: not a document with src and text.`);
    const { src, text, prompt } = value;
    documents.push(prompt === undefined ? { src, text } : { src, text, prompt });
  }
  return documents;
}

function isDocument(value: unknown): value is Document {
  if (typeof value !== "object" || value === null) return false;
  const { src, text, prompt } = value as Record<string, unknown>;
  return (
    typeof src === "string" && typeof text === "string" && ["string", "undefined"].includes(typeof prompt)
  );
}
