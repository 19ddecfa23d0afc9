import { expect, it } from "vitest";
import { learnVocabulary, wordCounter } from "./bpe.ts";
import { dialogueTurns } from "./conversations.ts";
import { answer, CONTROL_TOKENS, plain } from "./form.ts";
import { heldOutRuns, isHeldOutElsewhere } from "./overlap.ts";
import { choices } from "./random.ts";
import { requestFor } from "./requests.ts";
import { sums } from "./sums.ts";
import { encoder, loadCore, tokenizerOf } from "./tokenizer.ts";

const TEXT = "The cat sat on the mat. The cat ran, and the cat sat 12 times.\nThe mat was the cat's mat.";

function vocabulary() {
  const counter = wordCounter();
  counter.add(TEXT, 1);
  return learnVocabulary(counter.counts, CONTROL_TOKENS, 280, 1);
}

it("the most frequent pair becomes a token first, of equals the one of lower ids", () => {
  const { tokens, merges } = vocabulary();
  // "at" occurs eleven times, more than any other pair.
  expect(merges[0]).toBe("a t");
  expect(tokens.slice(0, 3)).toEqual(CONTROL_TOKENS);
  expect(tokens.length).toBe(280);
  expect(new Set(tokens).size).toBe(280);
});

it("the engine's tokenizer gives texts back from the learnt vocabulary, and digits stay apart", async () => {
  const tokenizer = tokenizerOf(await loadCore(), vocabulary());
  const ids = tokenizer.encode(TEXT);
  expect(tokenizer.decode(ids)).toBe(TEXT);
  expect(ids.length).toBeLessThan(TEXT.length * 0.8);
  expect(tokenizer.encode("12").length).toBe(2);
});

it("control tokens are where the form has them, and never made by texts", async () => {
  const encode = encoder(tokenizerOf(await loadCore(), vocabulary()));
  const ids = encode(answer("<|end|>", "<|user|>"));
  expect(ids.filter((id) => id < CONTROL_TOKENS.length)).toEqual([1, 2, 0]);
  expect(encode(plain("the cat")).filter((id) => id < CONTROL_TOKENS.length)).toEqual([0]);
});

it("sums are right, and held-out ones are not among the others", () => {
  const asked = (part: "train" | "heldout") =>
    sums(part, 2000, choices(1, part)).map(
      ({ turns }) => /(\d+) ([-+*/]) (\d+) = (\d+)\./.exec(turns[0]!.answer)!,
    );
  const held = new Set(asked("heldout").map(([, a, sign, b]) => `${a}${sign}${b}`));
  const compute = { "+": (a: number, b: number) => a + b, "-": (a: number, b: number) => a - b };
  for (const [, a, sign, b, result] of asked("train")) {
    expect(held.has(`${a}${sign}${b}`)).toBe(false);
    if (sign === "+" || sign === "-") expect(compute[sign](Number(a), Number(b))).toBe(Number(result));
    else if (sign === "*") expect(Number(a) * Number(b)).toBe(Number(result));
    else expect(Number(result) * Number(b)).toBe(Number(a));
  }
});

it("a story is asked for by what it names", () => {
  const story = "One day a frog met a king. The frog sang. The king laughed, and the frog jumped.";
  const topics = new Set(
    Array.from({ length: 40 }, (_, i) => requestFor(story, choices(i, "")).match(/frog|king/)?.[0]),
  );
  expect(topics).toContain("frog");
  expect(topics).not.toContain(undefined);
});

it("a document with a held-out passage is left out, one with a common phrase is not", () => {
  const words = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `w${from + i}`).join(" ");
  const runs = heldOutRuns([{ src: "a", text: words(0, 60) }]);
  expect(isHeldOutElsewhere({ src: "b", text: `${words(10, 50)} ${words(100, 200)}` }, runs)).toBe(true);
  expect(isHeldOutElsewhere({ src: "b", text: `${words(10, 24)} ${words(100, 200)}` }, runs)).toBe(false);
});

it("a dialogue becomes turns; one that the assistant begins does not", () => {
  expect(dialogueTurns("User: Hi.\nAssistant: Hello.\nUser: Bye.\nAssistant: Bye!")?.turns).toEqual([
    { question: "Hi.", answer: "Hello." },
    { question: "Bye.", answer: "Bye!" },
  ]);
  expect(dialogueTurns("Assistant: Hello.\nUser: Hi.")).toBeUndefined();
});
