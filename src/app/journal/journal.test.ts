import "fake-indexeddb/auto";
import { afterEach, expect, it, vi } from "vitest";
import type { ModelInfo, NumericProfile, Token } from "../../index.ts";
import { createJournal } from "./journal.ts";
import { type AnswerStart, journalStore, textOf } from "./journal-store.ts";
import { checkSameModel } from "./same-model.ts";

const NUMERICS = { backend: "wasm", activations: "f32" } as NumericProfile;
const startOf = (id: string): AnswerStart => ({
  id,
  conversation: "c",
  prompt: [{ role: "user", content: "Hi" }],
  promptIds: Uint32Array.of(1, 2),
  options: { seed: 7, temperature: 0.5 },
  model: { name: "demo", fileBytes: 10 },
  numerics: NUMERICS,
});
const token = (id: number): Token => ({ id, text: `${id} ` });

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("keeps an answer that breaks off, in order, and forgets one that ends", async () => {
  const journal = createJournal(journalStore());
  const cut = await journal.open(startOf("cut"), []);
  const whole = await journal.open(startOf("whole"), []);
  for (let id = 0; id < 100; id++) {
    cut!.add(token(id));
    whole!.add(token(id));
  }
  await cut!.breakOff();
  await whole!.end();
  const [found, ...rest] = await journal.cutOff();
  expect(rest).toEqual([]);
  expect(found).toEqual({ ...startOf("cut"), tokens: Array.from({ length: 100 }, (_, id) => token(id)) });

  const again = await journal.open(found!, found!.tokens);
  again!.add(token(100));
  await again!.breakOff();
  expect((await journal.cutOff())[0]!.tokens.map(({ id }) => id)).toEqual(
    Array.from({ length: 101 }, (_, id) => id),
  );
  await journal.discard("cut");
  expect(await journal.cutOff()).toEqual([]);
});

it("writes after sixteen tokens or a quarter of a second, so that a crash loses no more", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const appended: string[] = [];
  const journal = createJournal({
    begin: async () => {},
    append: async (_id, _sequence, tokens) => void appended.push(textOf(tokens)),
    remove: async () => {},
    all: async () => [],
  });
  const answer = await journal.open(startOf("a"), []);
  for (let id = 0; id < 16; id++) answer!.add(token(id));
  await vi.advanceTimersByTimeAsync(0);
  expect(appended).toHaveLength(1);
  answer!.add(token(16));
  await vi.advanceTimersByTimeAsync(249);
  expect(appended).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(appended.join("")).toBe(textOf(Array.from({ length: 17 }, (_, id) => token(id))));
});

it("an answer is written though nothing can be kept and no lock be had", async () => {
  const fails = async (): Promise<never> => {
    throw new DOMException("blocked", "SecurityError");
  };
  vi.stubGlobal("navigator", { locks: { request: fails } });
  const journal = createJournal({ begin: fails, append: fails, remove: fails, all: fails });
  const answer = await journal.open(startOf("a"), []);
  answer!.add(token(1));
  await answer!.breakOff();
  expect(await journal.cutOff()).toEqual([]);
});

it("asks for the model and the numbers that began the answer", () => {
  const info = { name: "demo", fileBytes: 10, numerics: NUMERICS } as ModelInfo;
  expect(() => checkSameModel(info, startOf("a"))).not.toThrow();
  expect(() => checkSameModel({ ...info, fileBytes: 11 }, startOf("a"))).toThrow("begun by demo");
  const int8 = { ...info, numerics: { ...NUMERICS, activations: "int8" } } as ModelInfo;
  expect(() => checkSameModel(int8, startOf("a"))).toThrow("WebAssembly with f32 activations");
});
