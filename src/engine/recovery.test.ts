import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { WebMoEError } from "../api/errors.ts";
import type { Model } from "../api/model.ts";
import type { Notice } from "../api/notice.ts";
import type { LoadOptions } from "../api/options.ts";
import { readTrace } from "../residency/trace-format.ts";
import { loadModel } from "./engine.ts";
import { fakeGpu, intercept } from "./fake-gpu.testing.ts";

const FILE = fileURLToPath(new URL("../../public/models/demo-moe-q4_k.gguf", import.meta.url));
const GOLDEN = new URL("../../tools/conformance/golden/embedded.json", import.meta.url);
const PROMPT = "Once upon a time, there was a little girl named Lily.";

/** llama.cpp's greedy continuation of PROMPT. */
const golden: number[] = JSON.parse(readFileSync(GOLDEN, "utf8")).cases.find(
  (item: { text?: string }) => item.text === PROMPT,
).ids;

/** A device's failure: the call of `method`, counted over all devices, with which it goes. */
interface Failure {
  readonly code: "device-lost" | "out-of-memory";
  readonly method: "writeTrunk" | "writeSlot" | "beginPass" | "runWave" | "submit";
  /** Of `writeTrunk`, counted from the first; of others, from when the model is loaded. */
  readonly call: number;
}

/** A GPU whose devices fail as planned. */
function failingGpu(failures: readonly Failure[]) {
  const calls = new Map<Failure["method"], number>();
  const loaded = { is: false };
  const fake = fakeGpu((device) => {
    let failed: WebMoEError | undefined;
    const failing = intercept(device, (method, proceed) => {
      if (loaded.is || method === "writeTrunk") {
        const call = (calls.get(method as Failure["method"]) ?? 0) + 1;
        calls.set(method as Failure["method"], call);
        const failure = failures.find((item) => item.method === method && item.call === call);
        if (failure) failed = new WebMoEError(failure.code, `${method}, call ${call}`);
      }
      // Like a GPU's: a device that is gone says so whatever is asked of it.
      if (failed) throw failed;
      return proceed();
    });
    // And one that could not hold its slots has given them back.
    return { ...failing, memory: () => ({ ...device.memory(), ...(failed && { expertBytes: 0 }) }) };
  });
  return { ...fake, calls, loaded };
}

async function say(model: Model, maxTokens: number): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of model.generate(PROMPT, { temperature: 0, maxTokens })) ids.push(id);
  return ids;
}

async function withModel<T>(
  failures: readonly Failure[],
  options: LoadOptions,
  use: (model: Model, notices: readonly Notice[], fake: ReturnType<typeof failingGpu>) => Promise<T>,
): Promise<T> {
  const fake = failingGpu(failures);
  const notices: Notice[] = [];
  const model = await loadModel(
    FILE,
    { ...options, onNotice: (notice) => notices.push(notice) },
    fake.platform,
  );
  fake.loaded.is = true;
  try {
    return await use(model, notices, fake);
  } finally {
    await model.dispose();
    expect(fake.alive()).toBe(0);
  }
}

const lost = (method: Failure["method"], call: number): Failure => ({ code: "device-lost", method, call });

test("a device lost in prefill, in decode or while experts are written changes no token", async () => {
  const points: readonly [string, Failure][] = [
    ["prefill", lost("runWave", 3)],
    ["decode, at the begin of a pass", lost("beginPass", 9)],
    ["decode, at its end", lost("submit", 60)],
    ["an expert of the prompt", lost("writeSlot", 10)],
    ["an expert of a token", lost("writeSlot", 250)],
  ];
  for (const [point, failure] of points)
    await withModel([failure], { expertBudget: "25%" }, async (model, notices, { devices, calls }) => {
      expect(await say(model, 24), point).toEqual(golden.slice(0, 24));
      expect(calls.get(failure.method), point).toBeGreaterThan(failure.call);
      expect(devices(), point).toBe(2);
      expect((await model.stats()).deviceLosses).toBe(1);
      expect(notices.map(({ kind }) => kind)).toEqual(["device-lost"]);
      expect(model.info.numerics.backend).toBe("webgpu");
      // The second answer is the first device's business no more.
      expect(await say(model, 8)).toEqual(golden.slice(0, 8));
    });
});

test("a device lost while the trunk is written is asked for again before the model is there", async () => {
  await withModel([lost("writeTrunk", 5), lost("writeTrunk", 9)], {}, async (model, notices, { devices }) => {
    expect(devices()).toBe(3);
    expect(model.info.numerics.backend).toBe("webgpu");
    expect(await say(model, 8)).toEqual(golden.slice(0, 8));
    expect(notices).toEqual([]);
    expect(await model.stats()).toMatchObject({ deviceLosses: 2 });
  });
});

test("after three losses in a minute WASM goes on with the answer, and says so", async () => {
  const failures = [lost("beginPass", 5), lost("writeTrunk", 100), lost("runWave", 40)];
  await withModel(failures, { backend: "webgpu", expertBudget: "50%" }, async (model, notices) => {
    const ids: number[] = [];
    const backends = new Set<string>();
    for await (const { id } of model.generate(PROMPT, { temperature: 0, maxTokens: 24 })) {
      ids.push(id);
      backends.add(model.info.numerics.backend);
    }
    expect(ids).toEqual(golden.slice(0, 24));
    expect([...backends]).toEqual(["webgpu", "wasm"]);
    expect(notices.map(({ kind }) => kind)).toEqual([
      "device-lost",
      "device-lost",
      "device-lost",
      "numerics-changed",
    ]);
    expect(notices.at(-1)!.info).toBe(model.info);
    expect(await model.stats()).toMatchObject({ deviceLosses: 3 });
  });
});

test("a GPU that is lost three times in loading is replaced only if it was not asked for by name", async () => {
  const failures = [1, 2, 3].map((call) => lost("writeTrunk", call));
  await withModel(failures, {}, async (model) => {
    expect(model.info.numerics.backend).toBe("wasm");
  });
  const { platform, alive } = failingGpu(failures);
  await expect(loadModel(FILE, { backend: "webgpu" }, platform)).rejects.toMatchObject({
    code: "device-lost",
  });
  expect(alive()).toBe(0);
});

test("a device out of memory halves what experts may take, down to a slot a layer, and no token changes", async () => {
  const outOfMemory: Failure = { code: "out-of-memory", method: "beginPass", call: 8 };
  await withModel([outOfMemory], { expertBudget: "50%" }, async (model, notices) => {
    const asked = model.info.expertBudget;
    expect(await say(model, 16)).toEqual(golden.slice(0, 16));
    expect(notices.map(({ kind }) => kind)).toEqual(["expert-budget-lowered"]);
    expect(model.info.expertBudget).toBeLessThanOrEqual(asked / 2);
    expect(model.info.memory.expertBytes).toBeLessThanOrEqual(model.info.expertBudget);
    expect(await model.stats()).toMatchObject({ deviceLosses: 0 });
  });
  // With one slot a layer there is nothing left to halve.
  await withModel([outOfMemory], { expertBudget: "min" }, async (model, notices) => {
    expect(await say(model, 16)).toEqual(golden.slice(0, 16));
    expect(notices.map(({ kind }) => kind)).toEqual(["numerics-changed"]);
    expect(model.info.numerics.backend).toBe("wasm");
  });
});

test("a generation that is called off while its device is replaced leaves a model that works", async () => {
  await withModel([lost("beginPass", 5)], {}, async (model) => {
    const abort = new AbortController();
    const options = { temperature: 0, signal: abort.signal };
    const generation = model.generate(PROMPT, options);
    for (let i = 0; i < 4; i++) await generation.next();
    const next = generation.next();
    await new Promise((wake) => setTimeout(wake));
    abort.abort();
    await expect(next).rejects.toMatchObject({ code: "aborted" });
    expect(await say(model, 8)).toEqual(golden.slice(0, 8));
  });
});

test("a trace holds every pass once, though some ran on two devices", async () => {
  await withModel([lost("beginPass", 6)], {}, async (model) => {
    const trace = await model.trace();
    const ids = await say(model, 12);
    const { passes } = readTrace(await trace.stop());
    const prompt = await model.tokenize(PROMPT);
    expect(passes.flatMap(({ tokens }) => [...tokens])).toEqual([...prompt, ...ids.slice(0, 11)]);
  });
});
