import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Model } from "../api/model.ts";
import type { GenerateOptions } from "../api/options.ts";
import type { GenerateResult, Token } from "../api/tokens.ts";
import { loadModel } from "./engine.ts";
import { nodePlatform } from "./node-platform.ts";

const FILE = fileURLToPath(new URL("../../public/models/demo-moe-q4_k.gguf", import.meta.url));
const PROMPT = "Once upon a time, there was a little girl named Lily.";

let model: Model;
/** Longer than a chunk, so that its KV cache takes a schedule of several passes. */
let prompt: readonly number[];
beforeAll(async () => {
  model = await loadModel(FILE, { expertBudget: "50%" }, nodePlatform());
  prompt = Array.from(await model.tokenize(`${PROMPT} `.repeat(12)));
});
afterAll(() => model.dispose());

async function run(options: GenerateOptions): Promise<{ tokens: Token[]; result: GenerateResult }> {
  const generation = model.generate(prompt, options);
  const tokens: Token[] = [];
  for (;;) {
    const step = await generation.next();
    if (step.done) return { tokens, result: step.value };
    tokens.push(step.value);
  }
}
const ids = (tokens: readonly Token[]): number[] => tokens.map(({ id }) => id);
const text = (tokens: readonly Token[]): string => tokens.map((token) => token.text).join("");
/** Leaves nothing of the answer in the KV cache. */
const forget = (): Promise<unknown> => model.evaluate([300, 301, 302]);

test("an answer that was cut off goes on with the tokens and texts that it would have had", async () => {
  expect(prompt.length).toBeGreaterThan(model.info.numerics.chunkRows);
  for (const [seed, repeatPenalty] of [
    [1, 1],
    [2, 1.3],
    [3, 1.1],
  ]) {
    const options = { seed, repeatPenalty, temperature: 1, topK: 0, maxTokens: 24, ignoreEos: true };
    const whole = await run(options);
    for (const cut of [1, 11, 23]) {
      await forget();
      const resume = ids(whole.tokens.slice(0, cut));
      const rest = await run({ ...options, resume });
      expect(rest.tokens).toEqual(whole.tokens.slice(cut));
      expect(rest.result).toMatchObject({ reason: "max-tokens", generatedTokens: 24 });
    }
  }
});

test("text that was held back at the cut comes with the tokens that follow", async () => {
  const options = { temperature: 0, maxTokens: 30 };
  const whole = await run(options);
  // The cut falls into what could still become the stop string.
  const at = 12;
  const stop = `${text(whole.tokens.slice(at - 1, at + 1))}…`;
  const held = await run({ ...options, stop });
  const cut =
    held.tokens.findIndex(
      (_, i) => i >= at - 1 && text(held.tokens.slice(0, i + 1)) !== text(whole.tokens.slice(0, i + 1)),
    ) + 1;
  expect(cut).toBeGreaterThan(0);
  const rest = await run({ ...options, stop, resume: Uint32Array.from(ids(held.tokens.slice(0, cut))) });
  expect(rest.tokens).toEqual(held.tokens.slice(cut));
  expect(text(held.tokens)).toBe(text(whole.tokens));
});

test("an answer that was whole ends at once, for the reason that it ended", async () => {
  const limited = { temperature: 0, maxTokens: 5 };
  const whole = await run(limited);
  const again = await run({ ...limited, resume: ids(whole.tokens) });
  expect(again).toMatchObject({ tokens: [], result: { reason: "max-tokens", generatedTokens: 5 } });
  const stop = text(whole.tokens).slice(3, 9);
  const stopped = await run({ temperature: 0, stop });
  expect(await run({ temperature: 0, stop, resume: ids(stopped.tokens) })).toMatchObject({
    tokens: [],
    result: { reason: "stop-string" },
  });
});

test("what cannot be resumed exactly is refused", async () => {
  const refused = (options: GenerateOptions) => expect(run(options)).rejects;
  await refused({ resume: [300] }).toMatchObject({ code: "invalid-argument" });
  await refused({ seed: 1, resume: [99_999] }).toMatchObject({ code: "invalid-argument" });
  await refused({ seed: 1, maxTokens: 2, resume: [300, 301, 302] }).toMatchObject({
    code: "invalid-argument",
  });
  const room = model.info.contextLength - prompt.length;
  await refused({ seed: 1, resume: new Uint32Array(room + 2).fill(300) }).toMatchObject({
    code: "context-full",
  });
});
