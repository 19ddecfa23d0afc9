import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { WebMoEError } from "../api/errors.ts";
import { type Backend, CHUNK_ROWS, type Pass, type ReadRequest } from "../backend/backend.ts";
import type { ForwardPlan, Op } from "../model/plan.ts";
import type { Residency } from "../residency/residency.ts";
import type { RoutingListener } from "../residency/routing-listener.ts";
import { loadCore } from "../wasm/core.testing.ts";
import type { Core } from "../wasm/core.ts";
import { createExecutor, type Executor } from "./executor.ts";
import { EXPERTS, executorOn, hashingDevice, LAYERS } from "./hashing-device.testing.ts";
import { type Finish, NOTHING } from "./passes.ts";
import { fixedSegments, type Segments } from "./segments.ts";

const embed: Op = { kind: "embed", weight: "token_embd.weight", out: 0 };
const head: Op = { kind: "linear", x: 0, weights: ["output.weight"], out: 1 };

/** One dense layer: nothing in it asks the device for an answer. */
const DENSE = {
  hyperparameters: { layerCount: 1, expertCount: 0, expertsPerToken: 0 },
  prologue: [embed],
  layers: [{ index: 0, input: 0, output: 0, ops: [{ kind: "rms-norm", x: 0, weight: "norm" }] }],
  epilogue: [head],
  logits: 1,
} as unknown as ForwardPlan;

/** A device that forgets what was recorded when a pass begins, as `Backend` allows. */
function recordingDevice() {
  const settled: [position: number, op: string][] = [];
  let recorded: [number, string][] = [];
  let position = 0;
  const backend = {
    routesOnDevice: true,
    async beginPass(pass: { position: number }) {
      position = pass.position;
      recorded = [];
    },
    run: (op: Op) => recorded.push([position, op.kind]),
    canSample: () => false,
    async submit({ value }: { value?: number }) {
      settled.push(...recorded);
      recorded = [];
      return value === undefined ? {} : { value: Float32Array.of(1, 2) };
    },
  } as unknown as Backend;
  return { backend, settled };
}

const RESIDENCY = { share: async () => undefined } as Residency;

test("every chunk of a dense prompt is submitted before the next pass begins", async () => {
  const { backend, settled } = recordingDevice();
  const executor = createExecutor({
    plan: DENSE,
    backend,
    core: {} as Core,
    residency: RESIDENCY,
    segments: fixedSegments(1, 1),
    listeners: [],
  });
  await executor.prefill(new Uint32Array(2 * CHUNK_ROWS + 1), { kind: "logits" });
  expect(settled.filter(([, kind]) => kind === "rms-norm").map(([position]) => position)).toEqual([
    0,
    CHUNK_ROWS,
    2 * CHUNK_ROWS,
  ]);
});

test("a prompt that begins like the last one computes only the chunks that differ, and its last row always", async () => {
  const { backend, settled } = recordingDevice();
  const executor = createExecutor({
    plan: DENSE,
    backend,
    core: {} as Core,
    residency: RESIDENCY,
    segments: fixedSegments(1, 1),
    listeners: [],
  });
  const prompt = (length: number, last = 7): Uint32Array =>
    new Uint32Array(length).fill(7).fill(last, length - 1);
  /** Positions of the passes that a prompt takes. */
  const passes = async (tokens: Uint32Array, signal?: AbortSignal): Promise<number[]> => {
    settled.length = 0;
    await executor.prefill(tokens, { kind: "logits" }, signal).catch(() => undefined);
    return settled.filter(([, kind]) => kind === "embed").map(([position]) => position);
  };
  const chunks = (count: number): number => count * CHUNK_ROWS;
  expect(await passes(prompt(chunks(2) + 5))).toEqual([0, chunks(1), chunks(2)]);
  expect(await passes(prompt(chunks(2) + 9))).toEqual([chunks(2)]);
  expect(await passes(prompt(chunks(2)))).toEqual([chunks(1)]);
  expect(await passes(prompt(chunks(2), 8))).toEqual([chunks(1)]);
  expect(await passes(prompt(chunks(1) - 1))).toEqual([0]);
  // That one overwrote the first chunk, and no chunk is whole any more.
  expect(await passes(prompt(chunks(1) + 1))).toEqual([0, chunks(1)]);
  expect(await passes(prompt(chunks(1) + 1, 8), AbortSignal.abort())).toEqual([]);
  expect(await passes(prompt(chunks(1) + 1))).toEqual([chunks(1)]);
});

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const WHOLE = fixedSegments(LAYERS, LAYERS);
const token = (): Finish => ({ kind: "token", params: { penalized: new Uint32Array(0) } }) as never;

/** Waits for so many turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((wake) => setImmediate(wake));
}

/** A device that writes down when a pass begins (with its token), is submitted, and has its answer read. */
async function loggingExecutor(
  segments: Segments,
  {
    resident = true,
    canSample = true,
    beginning = (_: Pass): void | Promise<void> => {},
    reading = (_position: number) => {},
  } = {},
) {
  const { backend: device, provider } = hashingDevice({ roundTrip: 1, layer: 1, finish: 1, fetch: 1 });
  const events: string[] = [];
  let position = 0;
  const backend: Backend = {
    ...device,
    canSample: () => canSample,
    async beginPass(pass) {
      await beginning(pass);
      position = pass.position;
      events.push(`begin ${position} ${pass.tokens === "sampled" ? "sampled" : pass.tokens[0]}`);
      await device.beginPass(pass);
    },
    async submit(read: ReadRequest) {
      const submitted = position;
      events.push(`submit ${submitted}`);
      const result = await device.submit(read);
      await turns(1);
      reading(submitted);
      events.push(`read ${submitted}`);
      return canSample ? result : { ...result, value: Float32Array.of(0, 1) };
    },
  };
  const heard: string[] = [];
  const listener: RoutingListener = {
    beginPass: (_, position, tokens) => heard.push(`${position}: ${tokens}`),
    layer: (layer) => heard.push(`layer ${layer}`),
    endPass: () => heard.push("end"),
  };
  const { executor, residency } = await executorOn({ backend, provider }, core, EXPERTS, segments, [
    listener,
  ]);
  const all = Uint32Array.from({ length: EXPERTS }, (_, expert) => expert);
  if (resident) for (let layer = 0; layer < LAYERS; layer++) await residency.acquire(layer, all, []);
  return { executor, events, heard };
}

/** Tokens that follow `first`, each asked for with how the one behind it will be finished, if `ahead`. */
async function decodeRun(
  executor: Executor,
  first: number,
  count: number,
  ahead: boolean,
): Promise<number[]> {
  const tokens = [first];
  let finish = token();
  for (let position = 0; position < count; position++) {
    const next = ahead && position < count - 1 ? token() : undefined;
    tokens.push((await executor.decode(tokens.at(-1)!, position, finish, undefined, next)).token);
    finish = next ?? token();
  }
  return tokens;
}

/** What listeners hear of a run whose passes missed nothing. */
const heardOf = (tokens: readonly number[]): string[] =>
  tokens
    .slice(0, -1)
    .flatMap((id, position) => [
      `${position}: ${id}`,
      ...Array.from({ length: LAYERS }, (_, layer) => `layer ${layer}`),
      "end",
    ]);

test("with all experts resident the next pass is submitted before this one is read, and changes no token", async () => {
  const reference = await loggingExecutor(fixedSegments(LAYERS, 1));
  const tokens = await decodeRun(reference.executor, 1, 20, false);
  const { executor, events, heard } = await loggingExecutor(WHOLE);
  expect(await decodeRun(executor, 1, 20, true)).toEqual(tokens);
  expect(new Set(tokens).size).toBeGreaterThan(10);
  const expected = ["begin 0 1", "submit 0"];
  for (let position = 1; position < 20; position++)
    expected.push(`begin ${position} sampled`, `submit ${position}`, `read ${position - 1}`);
  expect(events).toEqual([...expected, "read 19"]);
  expect(heard).toEqual(heardOf(tokens));
  expect(heard).toEqual(reference.heard);
  expect(executor.counters).toEqual({ replays: 0, decodedTokens: 20, layerExecutions: 20 * LAYERS });
});

test("a pass ahead is taken only for its token, position and finish, and counts nowhere else", async () => {
  const { executor, events, heard } = await loggingExecutor(WHOLE);
  const plain = await loggingExecutor(WHOLE);
  const next = token();
  const { token: second } = await executor.decode(1, 0, token(), undefined, next);
  const calls: [id: number, position: number, finish: Finish][] = [
    [second + 1, 1, next],
    [second, 2, next],
    [second, 1, token()],
  ];
  for (const [id, position, finish] of calls) {
    events.length = 0;
    heard.length = 0;
    const executions = executor.counters.layerExecutions;
    const found = await executor.decode(id, position, finish);
    expect(events).toContain(`begin ${position} ${id}`);
    expect(found.token).toBe((await plain.executor.decode(id, position, token())).token);
    expect(heard[0]).toBe(`${position}: ${id}`);
    expect(heard.length).toBe(LAYERS + 2);
    expect(executor.counters.layerExecutions - executions).toBe(LAYERS);
    // There is one again for the next call to turn down.
    await executor.decode(1, 0, token(), undefined, next);
  }
  await executor.prefill(new Uint32Array(0), NOTHING);
  events.length = 0;
  await executor.decode(second, 1, next);
  expect(events[0]).toBe(`begin 1 ${second}`);
});

test("nothing is submitted ahead while experts are missing, by segments of a layer, or where the CPU samples", async () => {
  const runs = [
    await loggingExecutor(WHOLE, { resident: false }),
    await loggingExecutor(fixedSegments(LAYERS, 1)),
    await loggingExecutor(WHOLE, { canSample: false }),
  ];
  vi.spyOn(core, "sample").mockReturnValue(1);
  for (const { executor, events } of runs) {
    await decodeRun(executor, 1, 8, true);
    expect(events.filter((event) => event.includes("sampled"))).toEqual([]);
    expect(executor.counters.decodedTokens).toBe(8);
  }
});

test("a pass that misses an expert while the next is in flight begins again, and gives the same token", async () => {
  const reference = await loggingExecutor(fixedSegments(LAYERS, 1), { resident: false });
  const tokens = await decodeRun(reference.executor, 1, 600, false);
  const { executor, events, heard } = await loggingExecutor(WHOLE, { resident: false });
  expect(await decodeRun(executor, 1, 600, true)).toEqual(tokens);
  const begun = events.filter((event) => event.startsWith("begin")).map((event) => event.split(" "));
  const again = begun.filter(
    ([, position, id], i) => id !== "sampled" && Number(position) < Number(begun[i - 1]?.[1]),
  );
  expect(again.length).toBeGreaterThan(0);
  expect(begun.filter(([, , id]) => id === "sampled").length).toBeGreaterThan(100);
  expect(heard).toEqual(heardOf(tokens));
});

test("a device that is lost with two passes in flight fails the call once", async () => {
  for (const position of [0, 2]) {
    const { executor, events } = await loggingExecutor(WHOLE, {
      // As where the KV cache grows: the first may be lost before the other has begun.
      beginning: ({ tokens }) => (tokens === "sampled" ? turns(2) : undefined),
      reading(submitted) {
        if (submitted >= position) throw new WebMoEError("device-lost", `pass ${submitted}`);
      },
    });
    const lost = decodeRun(executor, 1, 6, true);
    await expect(lost).rejects.toMatchObject({ code: "device-lost", message: `pass ${position}` });
    // Time for the other to fail: it must be nobody's concern.
    await turns(3);
    expect(events.at(-1)).toBe(`submit ${position + 1}`);
  }
});

test("what fails in a pass ahead fails the call that asks for it, and no other", async () => {
  let failing = true;
  const { executor } = await loggingExecutor(WHOLE, {
    beginning({ tokens }) {
      if (tokens === "sampled" && failing) throw new WebMoEError("out-of-memory", "no room");
    },
  });
  const plain = await decodeRun((await loggingExecutor(WHOLE)).executor, 1, 3, false);
  const next = token();
  expect((await executor.decode(1, 0, token(), undefined, next)).token).toBe(plain[1]);
  await expect(executor.decode(plain[1]!, 1, next)).rejects.toMatchObject({ code: "out-of-memory" });
  failing = false;
  const abort = new AbortController();
  const called = executor.decode(plain[1]!, 1, next, abort.signal, token());
  abort.abort();
  await expect(called).rejects.toMatchObject({ code: "aborted" });
  expect(await decodeRun(executor, 1, 3, true)).toEqual(plain);
});
