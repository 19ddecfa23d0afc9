import { beforeAll, expect, test } from "vitest";
import * as library from "../../src/node.ts";
import { type FuzzCase, makeCase } from "./cases.mjs";
import { serialize } from "./document.mjs";
import { garbageCollector } from "./memory.mjs";
import { soundModels } from "./models.mjs";
import { runCase } from "./run-case.mjs";

const SEED = 2;
const CASES = 300;
const SLOW_MS = 10_000;

let models: Awaited<ReturnType<typeof soundModels>>;
beforeAll(async () => {
  models = await soundModels();
});

test("the models that mutations start from are sound", async () => {
  for (const { name, parts } of models) {
    const files = parts.map((part, i) => ({
      name: `m-0000${i + 1}-of-0000${parts.length}.gguf`,
      bytes: serialize(part).bytes,
    }));
    for (const onePath of [false, true]) {
      const sound: FuzzCase = { index: 0, kind: "none", description: name, files, onePath };
      expect([name, await runCase(library, sound)]).toEqual([name, { kind: "finite" }]);
    }
  }
});

test("a case is the same whenever it is made, and others are others", () => {
  const bytesOf = (index: number) => makeCase(models, SEED, index).files.map(({ bytes }) => [...bytes]);
  expect(bytesOf(7)).toEqual(bytesOf(7));
  expect(bytesOf(7)).not.toEqual(bytesOf(8));
});

test(`${CASES} broken models end in typed errors or finite logits`, async () => {
  const collectGarbage = garbageCollector();
  const failures: unknown[] = [];
  const ends = new Set<string>();
  const kinds = new Set<string>();
  for (let index = 0; index < CASES; index++) {
    const fuzzCase = makeCase(models, SEED, index);
    const began = performance.now();
    const outcome = await runCase(library, fuzzCase);
    const ms = performance.now() - began;
    ends.add(outcome.kind === "error" ? outcome.code : outcome.kind);
    kinds.add(fuzzCase.kind);
    if (outcome.kind === "failure" || ms > SLOW_MS)
      failures.push({ seed: SEED, index, description: fuzzCase.description, outcome, ms });
    if (index % 20 === 0) collectGarbage();
  }
  expect(failures).toEqual([]);
  // The sample would prove nothing if every file failed alike.
  expect([...ends]).toEqual(expect.arrayContaining(["finite", "bad-gguf", "unsupported-quantization"]));
  expect(kinds.size).toBeGreaterThan(25);
}, 60_000);
