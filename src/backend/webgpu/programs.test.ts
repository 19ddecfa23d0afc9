import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ForwardPlan } from "../../model/plan.ts";
import { findOp, tinyPlan } from "../testing/plans.ts";
import { createActivations } from "./activations.ts";
import type { Gpu } from "./device.ts";
import { createKvCache } from "./kv-cache.ts";
import { createMatrices } from "./matrices.ts";
import { createParameters } from "./parameters.ts";
import { createPrograms, type Programs } from "./programs.ts";
import { createSlabs } from "./slabs.ts";

/** A device that makes buffers of nothing: what is compiled for a plan does not depend on them. */
function fakeGpu(maxBindingBytes: number): Gpu {
  const limits = { maxStorageBufferBindingSize: 2 ** 30 };
  return {
    device: { limits, queue: { writeBuffer: () => undefined } } as unknown as GPUDevice,
    maxBindingBytes,
    check: () => undefined,
    storage: () => ({ buffer: {} as GPUBuffer }),
    destroy: () => undefined,
    allocating: async (_, allocate) => allocate(),
    compile: () => Promise.reject(new Error("nothing compiles here")),
    dispose: () => undefined,
  };
}

async function compile(plan: ForwardPlan, maxBindingBytes = 2 ** 27): Promise<Programs> {
  const gpu = fakeGpu(maxBindingBytes);
  const slabs = createSlabs(gpu, plan);
  await slabs.allocate(new Uint32Array(plan.layers.length).fill(4));
  return createPrograms({
    plan,
    variants: { nativeHalf: false },
    matrices: createMatrices(gpu, plan),
    slabs,
    cache: createKvCache(gpu, plan, 256),
    parameters: createParameters(gpu, plan, 256),
    activations: createActivations(gpu, plan, 256),
  });
}

describe("programs", () => {
  beforeAll(() => void vi.stubGlobal("GPUBufferUsage", { UNIFORM: 64 }));
  afterAll(() => void vi.unstubAllGlobals());

  it("take a decode layer in 8 dispatches, one more in long contexts", async () => {
    const plan = tinyPlan({ headDim: 96 });
    const programs = await compile(plan);
    const labelsAt = (layer: number, positions: number): string[] =>
      plan.layers[layer]!.ops.flatMap((op) =>
        op.kind === "experts" ? programs.experts(op, "decode", "log") : programs.of(op, "decode"),
      )
        .filter(({ grid }) => grid(1, positions)[0] > 0)
        .map(({ kernel }) => kernel.label);
    expect(labelsAt(1, 256)).toEqual([
      "linear (q8_0)",
      "attention",
      "linear (q8_0)",
      "linear (f32)",
      "route",
      "experts-gate-up (q8_0)",
      "experts-linear (q8_0)",
      "combine-norm",
    ]);
    expect(labelsAt(1, 257)).toHaveLength(9);
    // The first layer's norm follows no experts.
    expect(labelsAt(0, 256)).toEqual(["rms-norm", ...labelsAt(1, 256)]);
  });

  it("keep the norm that a layer's experts leave for as long as the layer may run again", async () => {
    const plan = tinyPlan({ layerCount: 3 });
    const programs = await compile(plan);
    const normCell = (layer: number) =>
      programs.of(findOp(plan, "combine", layer), "decode")[0]!.resources[7]!.cell;
    plan.layers.slice(1).forEach(({ ops }, i) => {
      const product = ops.find((op) => op.kind === "linear")!;
      expect(programs.of(product, "decode")[0]!.resources[1]!.cell).toBe(normCell(i));
    });
    expect(programs.of(plan.epilogue[1]!, "decode")[0]!.resources[1]!.cell).toBe(normCell(2));
    expect(new Set([0, 1, 2].map(normCell)).size).toBe(3);
  });

  it("use one pipeline for experts that the device picked and for those of a wave in decode", async () => {
    const plan = tinyPlan();
    const programs = await compile(plan);
    const op = findOp(plan, "experts", 0);
    const texts = (source: "log" | "wave"): string[] =>
      programs.experts(op, "decode", source).map(({ kernel }) => kernel.text);
    expect(texts("wave")).toEqual(texts("log"));
  });

  it("take a kernel for gate and up together, and one for each where their types differ", async () => {
    const plan = tinyPlan({ layerCount: 1 });
    const mixed = tinyPlan({ layerCount: 1 });
    const [layer] = mixed.layers;
    const { gate, up, down } = layer!.moe!.matrices;
    const matrices = { gate, up: { ...up, type: "q4_0" }, down: { ...down, type: "iq4_nl" } } as const;
    const layers = [{ ...layer!, moe: { ...layer!.moe!, matrices } }];
    const labels = async (plan: ForwardPlan): Promise<string[]> => {
      const programs = await compile(plan);
      return programs.experts(findOp(plan, "experts", 0), "decode", "log").map(({ kernel }) => kernel.label);
    };
    expect(await labels(plan)).toEqual(["experts-gate-up (q8_0)", "experts-linear (q8_0)"]);
    expect(await labels({ ...mixed, layers })).toEqual([
      "experts-linear (q4_0)",
      "experts-linear (q8_0)",
      "experts-linear (iq4_nl)",
    ]);
  });

  it("share pipelines among layers of equal shape", async () => {
    const count = async (layerCount: number): Promise<number> => {
      const { all } = await compile(tinyPlan({ layerCount }));
      return new Set(all.map(({ kernel }) => kernel.text)).size;
    };
    // The first layer has a norm of its own.
    expect(await count(5)).toBe(await count(2));
  });

  it("take a matrix taller than a binding piece by piece, each into its own outputs", async () => {
    const plan = tinyPlan({ vocabSize: 1500, trunkType: "f32" });
    const programs = await compile(plan, 2 ** 18);
    const pieces = programs.of(plan.epilogue[1]!, "decode");
    const offsets = pieces.map(({ kernel }) => Number(/OUT_OFFSET: u32 = (\d+)u/.exec(kernel.text)?.[1]));
    const rows = pieces.map(({ kernel }) => Number(/MATRIX_ROWS: u32 = (\d+)u/.exec(kernel.text)?.[1]));
    expect(pieces.length).toBe(3);
    expect(offsets).toEqual([0, rows[0], rows[0]! + rows[1]!]);
    expect(rows.reduce((sum, count) => sum + count, 0)).toBe(1500);
  });
});
