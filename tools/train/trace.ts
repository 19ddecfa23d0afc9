/**
 * The routing of held-out texts, recorded by the engine for `tools/replay`. A trace holds token ids, which are the text:
 * only texts are taken that anyone may pass on.
 */
import { writeFile } from "node:fs/promises";
import type { Model } from "../../src/api/model.ts";
import { type ImportFile, openModel } from "./library.ts";
import { readCorpus } from "./prepare/corpus.ts";
import type { CorpusName } from "./prepare/domains.ts";
import { answer, textOf } from "./prepare/form.ts";

/** In the public domain, CC0 or MIT. */
const SOURCES: readonly { readonly name: CorpusName; readonly src: RegExp }[] = [
  { name: "stories", src: /^fairytales/ },
  { name: "instruct", src: /^gpteacher-roleplay/ },
  { name: "geography", src: /^factbook-qa/ },
  { name: "code", src: /^thealgorithms-python/ },
  { name: "math", src: /^snakes-step-by-step/ },
  { name: "shakespeare", src: /^tinyshakespeare/ },
];

/** Of each domain; they take turns. */
const TEXTS = 6;
/** Tokens of a text that are read. */
const LONGEST = 320;

export async function recordTrace(
  importFile: ImportFile,
  path: string,
  corpus: string,
  out: string,
): Promise<void> {
  const domains = await Promise.all(
    SOURCES.map(async ({ name, src }) => {
      const documents = (await readCorpus(corpus, name, "heldout")).filter((document) =>
        src.test(document.src),
      );
      if (documents.length < TEXTS) throw new Error(`${name} has ${documents.length} such held-out texts.`);
      return documents.slice(0, TEXTS);
    }),
  );
  const model: Model = await openModel(importFile, path);
  const trace = await model.trace();
  let tokens = 0;
  for (let i = 0; i < TEXTS; i++)
    for (const documents of domains) {
      const { prompt, text } = documents[i]!;
      const whole = prompt === undefined ? text : textOf(answer(prompt, text));
      const ids = (await model.tokenize(whole)).slice(0, LONGEST);
      await model.evaluate(ids);
      tokens += ids.length;
    }
  const bytes = await trace.stop();
  await model.dispose();
  await writeFile(out, bytes);
  console.log(`${out}: ${bytes.length} bytes, ${tokens} tokens of ${TEXTS * domains.length} texts.`);
}
