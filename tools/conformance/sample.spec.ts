/** The part of the conformance product that fits into `npm test`: no oracle, its committed vectors only. */
import { expect, test } from "@playwright/test";
import { browserEngine, type Engine, nodeEngine } from "./engines.mjs";
import {
  BUDGETS,
  budgetRange,
  CONFIGURATIONS,
  compareUnderBudget,
  compareWithGolden,
  type Row,
} from "./matrix.mjs";
import { RANDOM_MODELS, readGolden } from "./models.mjs";

/** Tokens that a software renderer gives in reasonable time. */
const GPU_TOKENS = 12;

function expectAll(rows: Row[]): void {
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter(({ passed }) => !passed)).toEqual([]);
}

test.describe("WASM in Node", () => {
  let engine: Engine;
  test.beforeAll(async () => {
    engine = await nodeEngine();
  });

  test("the embedded model says llama.cpp's tokens and has its logits", async () => {
    expectAll(await compareWithGolden(engine, CONFIGURATIONS.wasm, await readGolden("embedded")));
  });

  for (const { name } of RANDOM_MODELS) {
    test(`${name} says llama.cpp's tokens and has its logits`, async () => {
      expectAll(await compareWithGolden(engine, CONFIGURATIONS.wasm, await readGolden(name)));
    });
  }

  test("every expert budget gives the same tokens within its bytes", async () => {
    const golden = await readGolden("embedded");
    const { options } = CONFIGURATIONS.wasm;
    const range = await budgetRange(engine, golden, options);
    for (const budget of BUDGETS) {
      const limits = { tokens: 16 };
      expectAll(await compareUnderBudget(engine, { name: "WASM", options }, golden, budget, range, limits));
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
    const options = CONFIGURATIONS.segmentAll.options;
    const range = await budgetRange(engine, golden, options);
    const limits = { cases: ["24 tokens"], tokens: GPU_TOKENS };
    const rows = await compareUnderBudget(engine, CONFIGURATIONS.segmentAll, golden, 0.25, range, limits);
    expectAll(rows);
    expect(rows[0]?.replays).toBeGreaterThan(0);
  });

  test("one slot a layer gives the same tokens, twice: from the network, then from IndexedDB", async () => {
    const golden = await readGolden("embedded");
    const options = { backend: "webgpu", segmentLayers: "all", store: "indexeddb" } as const;
    const range = await budgetRange(engine, golden, options);
    for (const visit of ["first visit", "second visit"]) {
      const configuration = { name: `WebGPU, ${visit}`, options };
      const limits = { cases: ["17 tokens"], tokens: GPU_TOKENS };
      expectAll(await compareUnderBudget(engine, configuration, golden, "one slot a layer", range, limits));
    }
  });
});
