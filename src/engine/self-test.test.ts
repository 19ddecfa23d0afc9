import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { NumericProfile } from "../api/info.ts";
import type { LoadOptions } from "../api/options.ts";
import type { Backend, ReadResult, Wave } from "../backend/backend.ts";
import type { ExpertsOp, Op } from "../model/plan.ts";
import { FLOAT_FORMATS, packedLayout, QUANT_TYPES, type QuantName } from "../model/quantization.ts";
import { loadModel } from "./engine.ts";
import { fakeGpu, intercept } from "./fake-gpu.testing.ts";
import { madeUpMatrix } from "./self-test.ts";

const FILE = fileURLToPath(new URL("../../public/models/demo-moe-q4_k.gguf", import.meta.url));

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

type Fault = (device: Backend) => Backend;

/** A device that leaves out every op of a kind in a phase. */
const without = (kind: Op["kind"], phase: "prefill" | "decode"): Fault => {
  let current = "";
  return (device) =>
    intercept(device, (method, proceed, [argument]) => {
      if (method === "beginPass") current = (argument as { phase: string }).phase;
      return method === "run" && (argument as Op).kind === kind && current === phase ? undefined : proceed();
    });
};

const FAULTS: Readonly<Record<string, Fault>> = {
  "has no attention in prefill": without("attention", "prefill"),
  "has no attention in decode": without("attention", "decode"),
  "has no norms in decode": without("rms-norm", "decode"),
  "loses the last row of a wave": (device) => ({
    ...device,
    runWave(op: ExpertsOp, { slots, offsets, entries }: Wave) {
      const kept = entries.subarray(0, -1);
      return device.runWave(op, {
        slots,
        offsets: offsets.map((at) => Math.min(at, kept.length)),
        entries: kept,
      });
    },
  }),
  "returns a NaN": (device) =>
    intercept(device, async (_method, proceed) => {
      const result = (await proceed()) as ReadResult | undefined;
      if (result?.value) result.value[result.value.length - 1] = Number.NaN;
      return result;
    }),
};

async function numericsOn(
  gpu: ReturnType<typeof fakeGpu>,
  options: LoadOptions = {},
): Promise<NumericProfile> {
  const model = await loadModel(FILE, options, gpu.platform);
  const { numerics } = model.info;
  await model.dispose();
  expect(gpu.alive()).toBe(0);
  return numerics;
}

test("a GPU that computes what WASM does is taken with all its features", async () => {
  const right = fakeGpu((device) => device);
  expect(await numericsOn(right)).toMatchObject({ backend: "webgpu", kernels: ["subgroups-4"] });
  expect(right.devices()).toBe(1);
  expect(console.warn).not.toHaveBeenCalled();
});

test.each(Object.keys(FAULTS))("a GPU that %s is not taken", async (name) => {
  const wrong = fakeGpu(FAULTS[name]!);
  expect(await numericsOn(wrong)).toMatchObject({ backend: "wasm" });
  expect(wrong.devices()).toBe(2);
});

test("a GPU that computes wrongly with optional features is taken without them", async () => {
  const wrong = FAULTS["has no attention in decode"]!;
  const gpu = fakeGpu((device, plain) => (plain ? device : wrong(device)));
  expect(await numericsOn(gpu)).toMatchObject({ backend: "webgpu", kernels: [] });
});

test("a GPU that was asked for by name and computes wrongly is refused, and the message says where", async () => {
  const gpu = fakeGpu(FAULTS["loses the last row of a wave"]!);
  await expect(loadModel(FILE, { backend: "webgpu" }, gpu.platform)).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringMatching(/fake computes wrongly .*layer 0 in prefill/),
  });
  expect(gpu.alive()).toBe(0);
});

test("made-up weights are finite in every encoding, and no two rows are alike", () => {
  for (const type of Object.keys(QUANT_TYPES) as QuantName[]) {
    const { bytes } = madeUpMatrix({ name: type, type, rows: 16, cols: 512 }, 1);
    const { planes, byteLength } = packedLayout(type, 16, 512);
    expect(bytes.length, type).toBe(byteLength);
    const { offset, rowBytes } = planes[0]!;
    const rows = Array.from({ length: 16 }, (_, row) =>
      Buffer.from(bytes.subarray(offset + row * rowBytes, offset + (row + 1) * rowBytes)).toString("hex"),
    );
    expect(new Set(rows).size, type).toBe(16);
    const { blockSize, fields, planes: planeBytes } = QUANT_TYPES[type];
    for (const { plane, planeOffset, bytes: length, floats } of fields) {
      if (!floats) continue;
      const { bytes: width, exponentMask } = FLOAT_FORMATS[floats];
      const finite = new Set<boolean>();
      for (let block = 0; block < (16 * 512) / blockSize; block++) {
        const at = planes[plane]!.offset + block * planeBytes[plane]! + planeOffset;
        for (let i = at; i < at + length; i += width)
          finite.add((Buffer.from(bytes.buffer).readUIntLE(i, width) & exponentMask) >>> 0 !== exponentMask);
      }
      expect([...finite], type).toEqual([true]);
    }
  }
});
