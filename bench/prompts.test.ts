import { expect, it } from "vitest";
import { promptSource } from "./prompts.mjs";

/** Words with the space before them; a leading word without one is another token, as in a byte-level vocabulary. */
function wordTokenizer() {
  const ids = new Map<string, number>();
  const words: string[] = [];
  const idOf = (word: string) => {
    if (!ids.has(word)) ids.set(word, words.push(word) - 1);
    return ids.get(word)!;
  };
  return {
    tokenize: async (text: string) => Uint32Array.from(text.match(/ ?[^ ]+/g) ?? [], idOf),
    detokenize: async (list: readonly number[]) => list.map((id) => words[id]).join(""),
  };
}

it("prompts have the asked number of tokens, encode to themselves, and share no start", async () => {
  const model = wordTokenizer();
  const next = await promptSource(model);
  const prompts = [await next(16), await next(128), await next(16), await next(1000)];
  for (const { text, ids } of prompts) expect(Array.from(await model.tokenize(text))).toEqual(ids);
  expect(prompts.map(({ ids }) => ids.length)).toEqual([16, 128, 16, 1000]);
  expect(new Set(prompts.map(({ ids }) => ids.slice(0, 12).join())).size).toBe(4);
});

it("a text that is used up is an error, not a shorter prompt", async () => {
  const next = await promptSource(wordTokenizer());
  await expect(next(1e6)).rejects.toThrow("no further part");
});
