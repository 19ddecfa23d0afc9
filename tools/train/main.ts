import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { prepare } from "./prepare/index.ts";

const WORK = fileURLToPath(new URL("../../.cache/train", import.meta.url));

const USAGE = `node tools/train/run.mjs <command>

  prepare --corpus DIR    vocabulary and token shards from a corpus folder
`;

/** A whole number given by an option. */
function whole(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a positive whole number.`);
  return value;
}

export async function main(words: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      corpus: { type: "string" },
      data: { type: "string", default: `${WORK}/data` },
      vocab: { type: "string", default: "8192" },
      context: { type: "string", default: "1024" },
      seed: { type: "string", default: "1" },
    },
  });
  const [command] = positionals;
  if (command === "prepare") {
    if (!values.corpus) throw new Error("Name the corpus folder: --corpus DIR");
    await prepare({
      corpus: values.corpus,
      out: values.data,
      vocabSize: whole(values.vocab, "vocab"),
      contextLength: whole(values.context, "context"),
      seed: whole(values.seed, "seed"),
    });
  } else throw new Error(USAGE);
}
