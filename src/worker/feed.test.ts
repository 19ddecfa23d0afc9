import { expect, test } from "vitest";
import type { GenerateResult, Token } from "../api/tokens.ts";
import { tokenFeed } from "./feed.ts";

const RESULT: GenerateResult = {
  reason: "max-tokens",
  promptTokens: 1,
  generatedTokens: 3,
  reusedTokens: 0,
  firstTokenSeconds: 0,
};
const NEVER = new AbortController().signal;
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

async function* numbers(count: number, made: number[] = []): AsyncGenerator<Token, GenerateResult, void> {
  for (let id = 0; id < count; id++) {
    made.push(id);
    yield { id, text: `${id} ` };
  }
  return RESULT;
}

test("a reader gets every token once, in order, then the result", async () => {
  const feed = tokenFeed(numbers(100), NEVER);
  const ids: number[] = [];
  for (;;) {
    const batch = await feed.next();
    ids.push(...batch.tokens.map((token) => token.id));
    if (batch.result) {
      expect(batch.result).toEqual(RESULT);
      break;
    }
  }
  expect(ids).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

test("the engine runs ahead of its reader by a bounded number of tokens", async () => {
  const made: number[] = [];
  const feed = tokenFeed(numbers(1000, made), NEVER);
  await settled();
  const ahead = made.length;
  expect(ahead).toBeGreaterThan(1);
  expect(ahead).toBeLessThan(100);
  await settled();
  expect(made.length).toBe(ahead);
  await feed.next();
  await settled();
  expect(made.length).toBeGreaterThan(ahead);
});

test("the generation's error reaches the reader", async () => {
  const feed = tokenFeed(
    (async function* (): AsyncGenerator<Token, GenerateResult, void> {
      yield { id: 1, text: "one" };
      throw new Error("broken");
    })(),
    NEVER,
  );
  await expect(
    (async () => {
      for (;;) await feed.next();
    })(),
  ).rejects.toThrow("broken");
});

test("a generation that waits for its reader goes on to its end when it is called off", async () => {
  const abort = new AbortController();
  let ended = false;
  const generation = (async function* (): AsyncGenerator<Token, GenerateResult, void> {
    try {
      for (let id = 0; ; id++) {
        if (abort.signal.aborted) throw new Error("called off");
        yield { id, text: "" };
      }
    } finally {
      ended = true;
    }
  })();
  tokenFeed(generation, abort.signal);
  await settled();
  expect(ended).toBe(false);
  abort.abort();
  await settled();
  expect(ended).toBe(true);
});
