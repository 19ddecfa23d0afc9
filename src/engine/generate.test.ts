import { expect, test } from "vitest";
import type { GenerateOptions } from "../api/options.ts";
import type { Tokenizer } from "../model/tokenizer/tokenizer.ts";
import { generate } from "./generate.ts";
import type { Finish, Passes } from "./passes.ts";
import { generationSettings } from "./sampling.ts";

const END = 106;
const HEAD_START_MS = 50;

/** Tokens count up from 101; each call of `decode` is written down. */
function countingPasses() {
  const calls: { position: number; finish: Finish; ahead: Finish | undefined }[] = [];
  const executor: Passes = {
    prefill: async () => ({ token: 101, logits: new Float32Array(0), reusedTokens: 0 }),
    async decode(token, position, finish, _signal, ahead) {
      calls.push({ position, finish, ahead });
      return { token: token + 1, logits: new Float32Array(0), headStartMs: HEAD_START_MS };
    },
  };
  return { calls, executor };
}

const TOKENIZER = {
  endIds: new Set([END]),
  decoder: () => ({ push: () => "", end: () => "" }),
} as unknown as Tokenizer;

async function run(options: GenerateOptions, { contextLength = 100, resume = [] as number[] } = {}) {
  const { calls, executor } = countingPasses();
  const speed = { prefillTokensPerSecond: 0, decodeTokensPerSecond: 0 };
  const generation = generate({
    prompt: Uint32Array.of(1, 2, 3),
    resume: Uint32Array.from(resume),
    settings: generationSettings({ seed: 1, ...options }),
    contextLength,
    executor,
    tokenizer: TOKENIZER,
    speed,
  });
  const ids: number[] = [];
  for await (const { id } of generation) ids.push(id);
  return { ids, calls, speed };
}

test("every pass is told how the next is finished, unless none follows, and the next is finished so", async () => {
  const runs = [
    await run({ maxTokens: 4 }),
    await run({ maxTokens: 6 }, { resume: [101, 102, 103] }),
    await run({}, { contextLength: 6 }),
  ];
  expect(runs.map(({ ids }) => ids)).toEqual([
    [101, 102, 103, 104],
    [104, 105, 106],
    [101, 102, 103, 104],
  ]);
  for (const run of runs) {
    // Those that fill the KV cache for a resumed answer sample nothing.
    const calls = run.calls.filter(({ finish }) => finish.kind === "token");
    expect(calls.map(({ ahead }) => ahead !== undefined)).toEqual([true, true, false]);
    for (const [i, { finish }] of calls.slice(1).entries()) expect(finish).toBe(calls[i]!.ahead);
  }
  // The numbers that are drawn are those of positions, whether they were asked for ahead or not.
  const penalized = await run({ maxTokens: 4, repeatPenalty: 1.1 });
  expect(penalized.calls.map(({ ahead }) => ahead)).toEqual([undefined, undefined, undefined]);
  const drawn = ({ calls }: Awaited<ReturnType<typeof run>>): number[] =>
    calls.map(({ finish }) => (finish.kind === "token" ? finish.params.random : Number.NaN));
  expect(new Set(drawn(runs[0]!)).size).toBe(3);
  expect(drawn(runs[0]!)).toEqual(drawn(penalized));
});

test("an answer may end where a pass was asked for ahead, and its speed counts what ran before it was asked for", async () => {
  const { ids, calls, speed } = await run({ maxTokens: 50 });
  expect(ids.at(-1)).toBe(END);
  expect(calls.at(-1)!.ahead).toBeDefined();
  expect(speed.decodeTokensPerSecond).toBeGreaterThan(0);
  expect(speed.decodeTokensPerSecond).toBeLessThanOrEqual(1000 / HEAD_START_MS);
});
