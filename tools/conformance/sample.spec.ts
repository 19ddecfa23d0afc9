/** The part of the conformance product that fits into `npm test`: no oracle, its committed vectors only. */
import { expect, test } from "@playwright/test";
import { browserEngine, type Engine, nodeEngine } from "./engines.mjs";
import {
  BUDGETS,
  budgetRange,
  type Check,
  CONFIGURATIONS,
  compareUnderBudget,
  compareWithGolden,
} from "./matrix.mjs";
import { FAMILIES, readGolden, SAMPLE_MODELS } from "./models.mjs";
import { compareResidency, PAIRS } from "./residency.mjs";

/** Tokens that a software renderer gives in reasonable time. */
const GPU_TOKENS = 12;
/** With one slot a layer every token brings its experts in, one after the other. */
const ONE_SLOT_TOKENS = 6;

function expectAll(checks: Check[]): void {
  expect(checks.length).toBeGreaterThan(0);
  expect(checks.filter(({ passed }) => !passed)).toEqual([]);
}

test.describe("WASM in Node", () => {
  let engine: Engine;
  test.beforeAll(async () => {
    engine = await nodeEngine();
  });

  test("the embedded model says llama.cpp's tokens and has its logits", async () => {
    expectAll(await compareWithGolden(engine, CONFIGURATIONS.wasm, await readGolden("embedded")));
  });

  for (const family of Object.keys(FAMILIES)) {
    const models = SAMPLE_MODELS.filter((model) => model.family === family);
    const types = models.map(({ recipe }) => recipe.type).join(", ");
    test(`${family} says llama.cpp's tokens with weights of ${types}`, async () => {
      for (const { name } of models) {
        expectAll(await compareWithGolden(engine, CONFIGURATIONS.wasm, await readGolden(name)));
      }
    });
  }

  test("every expert budget gives the same tokens within its bytes", async () => {
    const golden = await readGolden("embedded");
    const { options } = CONFIGURATIONS.wasm;
    const range = await budgetRange(engine, golden, options);
    for (const budget of BUDGETS) {
      expectAll(await compareUnderBudget(engine, options, golden, budget, range, { tokens: 16 }));
    }
  });

  test("any two of a policy, a predictor, a budget and a model give the golden tokens within the budget", async () => {
    for (const { share, ways, subject } of PAIRS) {
      const golden = await readGolden(subject);
      expectAll(await compareResidency(engine, "wasm", golden, share, [ways], { tokens: 12, prompts: 1 }));
    }
  });
});

test.describe("WebGPU in the page", () => {
  let engine: Engine;
  test.beforeAll(async ({ browser }) => {
    engine = await browserEngine(browser);
  });
  test.afterAll(() => engine.close());

  for (const configuration of [CONFIGURATIONS.segment1, CONFIGURATIONS.segmentAll]) {
    test(`the embedded model says llama.cpp's tokens: ${configuration.name}`, async () => {
      const limits = { cases: ["17 tokens"], tokens: GPU_TOKENS };
      expectAll(await compareWithGolden(engine, configuration, await readGolden("embedded"), limits));
    });
  }

  test("random-b-q4_0 says llama.cpp's tokens with routing in WASM", async () => {
    const golden = await readGolden("random-b-q4_0");
    expectAll(await compareWithGolden(engine, CONFIGURATIONS.routingWasm, golden, { tokens: GPU_TOKENS }));
  });

  test("experts missed in the middle of a pass are fetched and replayed without a trace", async () => {
    const golden = await readGolden("random-b-q4_0");
    const { options } = CONFIGURATIONS.segmentAll;
    const range = await budgetRange(engine, golden, options);
    const limits = { cases: ["24 tokens"], tokens: GPU_TOKENS };
    const checks = await compareUnderBudget(engine, options, golden, 0.25, range, limits);
    expectAll(checks);
    expect(checks[0]?.replays).toBeGreaterThan(0);
  });

  test("one slot a layer gives the same tokens, twice: from the network, then from IndexedDB", async () => {
    const golden = await readGolden("embedded");
    const options = { backend: "webgpu", segmentLayers: "all", store: "indexeddb" } as const;
    const range = await budgetRange(engine, golden, options);
    for (let visit = 1; visit <= 2; visit++) {
      const limits = { cases: ["17 tokens"], tokens: ONE_SLOT_TOKENS };
      expectAll(await compareUnderBudget(engine, options, golden, "one slot a layer", range, limits));
    }
  });
});
