import { expect, test } from "vitest";
import type { ExpertRecord, RecordProvider } from "../experts/parts.ts";
import type { SlotTables } from "../wasm/core.ts";
import { ABSENT, type Decisions } from "../wasm/decisions.ts";
import type { PrefetchPlanner } from "./prefetch-planner.ts";
import { createPrefetcher } from "./prefetcher.ts";

const BYTES = 100;
const picks = (...ids: number[]): Decisions => ({
  ids: Uint32Array.from(ids),
  weights: new Float32Array(ids.length),
});
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** Two layers of 8 experts; expert 0 has a slot and expert 1 is at hand; guesses are what the test says. */
function setUp(maxBytes = 10_000) {
  const asked: string[] = [];
  const aborted: string[] = [];
  const learnt: number[] = [];
  const guesses: Record<string, number[]> = {};
  let fetched = 0;
  const provider: RecordProvider = {
    record(layer, expert, { priority, signal }) {
      asked.push(`${layer}/${expert} ${priority}`);
      signal!.addEventListener("abort", () => aborted.push(`${layer}/${expert}`));
      if (expert === 7) return Promise.reject(new Error("lost"));
      // Expert 6 is never there in time.
      return expert === 6 ? new Promise(() => undefined) : Promise.resolve({} as ExpertRecord);
    },
  };
  const planner: PrefetchPlanner = {
    wantsGates: true,
    reset: () => undefined,
    learn: (layer) => learnt.push(layer),
    guess: (layer, _token, { before, gates }) => guesses[`${layer}${gates ? "*" : before ? "+" : ""}`] ?? [],
  };
  const prefetcher = createPrefetcher({
    planner,
    slots: {
      lookup: (_layer: number, expert: number) => (expert === 0 ? 3 : ABSENT),
    } as unknown as SlotTables,
    provider,
    atHand: (_layer, expert) => expert === 1,
    fetchedBytes: () => fetched,
    recordBytes: [BYTES, BYTES],
    maxBytes,
  });
  const begin = (moved = true): void => {
    if (moved) fetched++;
    prefetcher.beginPass("decode", 0, Uint32Array.of(5));
  };
  return { prefetcher, asked, aborted, learnt, guesses, begin };
}

test("what is guessed and nowhere at hand is asked for once, and a wrong guess is called off", async () => {
  const { prefetcher, asked, aborted, guesses, begin } = setUp();
  Object.assign(guesses, { "0": [0, 1, 2], "1": [3, 4], "1+": [4, 5] });
  begin();
  expect(asked).toEqual(["0/2 prefetch", "1/3 prefetch", "1/4 prefetch"]);
  prefetcher.layer(0, picks(2, 3));
  expect(asked.slice(3)).toEqual(["1/5 prefetch"]);
  await settled();
  prefetcher.layer(1, picks(4, 0));
  expect(aborted).toEqual(["1/3", "1/5"]);
  expect(prefetcher.counters).toEqual({ usefulBytes: 2 * BYTES, wastedBytes: 2 * BYTES });
});

test("a guess that did not come costs nothing, fails nothing, and ends with its pass", async () => {
  const { prefetcher, aborted, guesses, begin } = setUp();
  Object.assign(guesses, { "0": [6, 7], "1": [6] });
  begin();
  await settled();
  prefetcher.layer(0, picks(2));
  begin();
  expect(aborted).toEqual(["0/6", "0/7", "1/6"]);
  expect(prefetcher.counters.wastedBytes).toBe(0);
});

test("no more bytes are on their way than allowed", () => {
  const { prefetcher, asked, guesses, begin } = setUp(2 * BYTES);
  Object.assign(guesses, { "0": [2, 3, 4], "1": [5] });
  begin();
  expect(asked).toHaveLength(2);
  prefetcher.layer(0, picks(2));
  begin();
  expect(asked).toHaveLength(4);
});

test("while nothing is fetched nothing is guessed or learnt, but a prompt is always learnt from", () => {
  const { prefetcher, asked, learnt, guesses, begin } = setUp();
  guesses["0"] = [2];
  begin();
  prefetcher.layer(0, picks(2));
  begin(false);
  prefetcher.layer(0, picks(2));
  expect(asked).toHaveLength(1);
  expect(learnt).toEqual([0]);
  prefetcher.beginPass("prefill", 0, Uint32Array.of(1, 2));
  prefetcher.layer(0, picks(2, 3));
  expect(learnt).toEqual([0, 0]);
  expect(asked).toHaveLength(1);
});

test("guessing that does not pay pauses but for a probe, and resumes when the probes pay", async () => {
  const { prefetcher, asked, guesses, begin } = setUp();
  guesses["0"] = [2];
  const token = async (picked: number): Promise<boolean> => {
    const before = asked.length;
    begin();
    await settled();
    prefetcher.layer(0, picks(picked));
    return asked.length > before;
  };
  const run = async (tokens: number, picked: number): Promise<number> => {
    let guessed = 0;
    for (let i = 0; i < tokens; i++) if (await token(picked)) guessed++;
    return guessed;
  };
  expect(await run(160, 3)).toBeLessThan(15);
  await run(160, 2);
  expect(await run(32, 2)).toBe(32);
});
