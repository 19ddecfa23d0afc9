import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { FILE_TYPES, type FileType } from "../make-model/mixes.mjs";
import { program, run } from "./build.ts";
import { compare } from "./compare.ts";
import type { Encoding, TensorType } from "./encoding.ts";
import { evaluate } from "./evaluate/index.ts";
import { exportGguf } from "./export.ts";
import type { ImportFile } from "./library.ts";
import { prepare } from "./prepare/index.ts";
import { samples } from "./samples.ts";
import { recordTrace } from "./trace.ts";
import { readWeights } from "./weights.ts";

const WORK = fileURLToPath(new URL("../../.cache/train", import.meta.url));

const USAGE = `node tools/train/run.mjs <command>

  prepare --corpus DIR                        vocabulary and token shards, to --data
  check                                       the trainer's gradients against a reference in doubles
  train --out DIR --minutes N [-- options]    from --data; goes on from the checkpoint in DIR
  export --checkpoint FILE --type T --gguf F  a checkpoint as a GGUF, matrices of type T, --embedding T
  evaluate --corpus DIR FILE.gguf …           held-out bits per byte, each file on the same texts; --routing;
                                              --encodings q4_0,q4_k+q6_k: its weights in others (+ the embedding's)
  compare --corpus DIR FILE.gguf              greedy tokens against llama.cpp, of a file with F32 weights
  samples FILE.gguf                           twelve fixed prompts, and held-out sums
  trace --corpus DIR --out FILE FILE.gguf     routing of held-out texts that may be passed on, for npm run replay

--data is .cache/train/data by default. README.md says more.`;

/** A whole number given by an option. */
function whole(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} must be a positive whole number.`);
  return value;
}

function given(value: string | undefined, name: string): string {
  if (value === undefined) throw new Error(`--${name} is missing.\n\n${USAGE}`);
  return value;
}

function fileType(text: string): FileType {
  const found = FILE_TYPES.find((type) => type === text);
  if (!found) throw new Error(`No type is named ${text}; there are ${FILE_TYPES.join(", ")}.`);
  return found;
}

/** `q4_k` or, with the embedding's type, `q4_k+q6_k`. */
function encoding(text: string): Encoding {
  const [type = "", embeddingType = "q8_0"] = text.split("+");
  return { type: fileType(type), embeddingType: fileType(embeddingType) as TensorType };
}

export async function main(words: readonly string[], importFile: ImportFile): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      corpus: { type: "string" },
      data: { type: "string", default: join(WORK, "data") },
      vocab: { type: "string", default: "8192" },
      context: { type: "string", default: "1024" },
      seed: { type: "string", default: "1" },
      out: { type: "string" },
      minutes: { type: "string" },
      checkpoint: { type: "string" },
      type: { type: "string", default: "q8_0" },
      embedding: { type: "string", default: "q8_0" },
      gguf: { type: "string" },
      name: { type: "string", default: "demo-moe" },
      bytes: { type: "string", default: "40000" },
      encodings: { type: "string", default: "" },
      routing: { type: "boolean", default: false },
    },
  });
  const [command, ...rest] = positionals;
  const seed = whole(values.seed, "seed");
  if (command === "prepare") {
    await prepare({
      corpus: given(values.corpus, "corpus"),
      out: values.data,
      vocabSize: whole(values.vocab, "vocab"),
      contextLength: whole(values.context, "context"),
      seed,
    });
  } else if (command === "check") {
    for (const name of ["check-float", "check-bfloat16"] as const) await run(await program(name), []);
  } else if (command === "train") {
    const out = given(values.out, "out");
    await mkdir(out, { recursive: true });
    // What follows `--` is the trainer's own.
    const length = values.minutes === undefined ? [] : ["--minutes", values.minutes];
    await run(await program("train"), [
      "--data",
      values.data,
      "--out",
      out,
      "--seed",
      values.seed,
      ...length,
      ...rest,
    ]);
  } else if (command === "export") {
    const path = given(values.gguf, "gguf");
    await mkdir(dirname(path), { recursive: true });
    const vocabulary = JSON.parse(await readFile(join(values.data, "vocabulary.json"), "utf8"));
    const { byteLength, sha256 } = await exportGguf(
      await readWeights(given(values.checkpoint, "checkpoint")),
      {
        out: path,
        type: fileType(values.type),
        embeddingType: fileType(values.embedding) as TensorType,
        vocabulary,
        name: values.name,
      },
    );
    console.log(`${path}: ${byteLength} bytes, sha256 ${sha256}`);
  } else if (command === "evaluate") {
    await evaluate({
      corpus: given(values.corpus, "corpus"),
      files: rest,
      bytes: whole(values.bytes, "bytes"),
      seed,
      work: join(WORK, "evaluate"),
      encodings: values.encodings.split(",").filter(Boolean).map(encoding),
      routing: values.routing,
    });
  } else if (command === "compare") {
    await compare(importFile, given(rest[0], "file"), given(values.corpus, "corpus"), seed);
  } else if (command === "samples") {
    await samples(importFile, given(rest[0], "file"));
  } else if (command === "trace") {
    const corpus = given(values.corpus, "corpus");
    await recordTrace(importFile, given(rest[0], "file"), corpus, given(values.out, "out"));
  } else throw new Error(USAGE);
}
