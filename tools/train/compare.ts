/** llama.cpp against this engine on one file: token ids of held-out texts, and greedy continuations of 20 prompts. */
import { type ImportFile, loadOracle, openModel } from "./library.ts";
import { heldOutSamples } from "./prepare/domains.ts";
import { ASSISTANT, type Sample, USER } from "./prepare/form.ts";

const PROMPTS = 20;
const TOKENS = 48;
const CONTEXT = 512;
/** Characters of a plain text that are given. */
const OPENING = 60;

function promptOf({ turns, plain }: Sample): string {
  if (plain !== undefined) return plain.slice(0, plain.lastIndexOf(" ", OPENING));
  return `${USER}\n${turns[0]!.question.slice(0, 400)}\n${ASSISTANT}\n`;
}

/** Throws unless all prompts agree. `path`: a file with F32 weights (an exact twin). */
export async function compare(
  importFile: ImportFile,
  path: string,
  corpus: string,
  seed: number,
): Promise<void> {
  const domains = [...(await heldOutSamples(corpus, seed)).values()];
  const prompts = Array.from({ length: PROMPTS }, (_, i) =>
    promptOf(domains[i % domains.length]![Math.floor(i / domains.length)]!),
  );
  const { openOracle, closeLibrary } = await loadOracle(importFile);
  const oracle = await openOracle(path, { contextSize: CONTEXT });
  const model = await openModel(importFile, path);
  let same = 0;
  for (const prompt of prompts) {
    const ids = Array.from(await model.tokenize(prompt));
    const theirs = oracle.tokenize(prompt);
    const expected = await oracle.greedy(ids, TOKENS, 0);
    if (!expected) throw new Error("llama.cpp gave no continuation.");
    const got: number[] = [];
    const options = { temperature: 0, repeatPenalty: 1, ignoreEos: true, maxTokens: TOKENS };
    for await (const { id } of model.generate(ids, options)) got.push(id);
    const at = got.findIndex((id, i) => id !== expected.ids[i]);
    const cut = theirs.some((id, i) => id !== ids[i]) || theirs.length !== ids.length;
    if (at < 0 && !cut) same++;
    else if (cut) console.log(`${JSON.stringify(prompt)}: other token ids`);
    else
      console.log(
        `${JSON.stringify(prompt)}: token ${at} differs, llama.cpp's margin ${expected.margins[at]}`,
      );
  }
  await model.dispose();
  await oracle.dispose();
  await closeLibrary();
  console.log(`${path}: ${same} of ${PROMPTS} prompts agree, ${TOKENS} tokens each.`);
  if (same < PROMPTS) throw new Error("The file does not say the same in both.");
}
