/** Finds out what optional features really do on this device, where the specification leaves it open. */
import type { Variants } from "./compose.ts";
import type { Gpu } from "./device.ts";
import { halfProbe, int8Probe, PROBE_LANES, subgroupProbe } from "./kernels.ts";
import { createReadback } from "./readback.ts";
import { createRecorder, type Dispatch } from "./recorder.ts";

/** The variants whose features the device has and whose assumptions hold on it. */
export async function probeVariants(
  gpu: Gpu,
  adapter: GPUAdapter,
  activations: "f32" | "int8" = "f32",
): Promise<Variants> {
  const { features } = gpu.device;
  const { subgroupMinSize } = adapter.info;
  const lanes = features.has("subgroups") ? Math.min(subgroupMinSize ?? 1, PROBE_LANES) : 1;
  const subgroups = lanes > 1 && (await subgroupsAreInOrder(gpu, lanes));
  const nativeHalf = features.has("shader-f16") && (await halvesAreExact(gpu));
  const int8 = activations === "int8" && (await multipliesBytes(gpu));
  return { nativeHalf, ...(subgroups && { subgroupLanes: lanes }), ...(int8 && { int8 }) };
}

async function runProbe(gpu: Gpu, dispatch: Dispatch, byteLength: number): Promise<ArrayBuffer> {
  const { text } = dispatch.kernel;
  const recorder = createRecorder(gpu, new Map([[text, await gpu.compile(dispatch.kernel)]]));
  const readback = createReadback(gpu);
  recorder.record(dispatch, 1, 0);
  const bytes = await readback.read(recorder, [{ cell: dispatch.resources[2]!.cell, offset: 0, byteLength }]);
  readback.dispose();
  return bytes;
}

/** WGSL does not say that invocation i is lane i mod size of its subgroup; the reductions need it. */
async function subgroupsAreInOrder(gpu: Gpu, lanes: number): Promise<boolean> {
  const out = gpu.storage("probe", PROBE_LANES * 4);
  const dispatch: Dispatch = {
    kernel: subgroupProbe(lanes),
    resources: { 2: { cell: out } },
    grid: () => [1, 1, 1],
  };
  const met = new Uint32Array(await runProbe(gpu, dispatch, PROBE_LANES * 4));
  gpu.destroy(out);
  return met.every((strides) => strides === lanes - 1);
}

/** WGSL lets f16 subnormals become zero; the scales of small weights are subnormal. */
async function halvesAreExact(gpu: Gpu): Promise<boolean> {
  const words = gpu.storage("probe", PROBE_LANES * 4);
  const out = gpu.storage("probe", PROBE_LANES * 8);
  // Subnormal halves 1, 17, 33, … in the low half, negative ones in the high half.
  const subnormals = Uint32Array.from({ length: PROBE_LANES }, (_, i) => 1 + 16 * i);
  gpu.device.queue.writeBuffer(
    words.buffer,
    0,
    subnormals.map((half) => half | ((half | 0x8000) << 16)),
  );
  const dispatch: Dispatch = {
    kernel: halfProbe(),
    resources: { 1: { cell: words }, 2: { cell: out } },
    grid: () => [1, 1, 1],
  };
  const floats = new Float32Array(await runProbe(gpu, dispatch, PROBE_LANES * 8));
  gpu.destroy(words);
  gpu.destroy(out);
  return subnormals.every((half, i) => {
    const exact = half * 2 ** -24;
    return floats[2 * i] === exact && floats[2 * i + 1] === -exact;
  });
}

/** Products of packed bytes are a feature of the language (`packed_4x8_integer_dot_product`), not of the device. */
async function multipliesBytes(gpu: Gpu): Promise<boolean> {
  const words = gpu.storage("probe", PROBE_LANES * 4);
  const out = gpu.storage("probe", PROBE_LANES * 4);
  const bytes = Int8Array.from({ length: PROBE_LANES * 4 }, (_, i) => i * 97 + 128);
  gpu.device.queue.writeBuffer(words.buffer, 0, bytes);
  const dispatch: Dispatch = {
    kernel: int8Probe(),
    resources: { 1: { cell: words }, 2: { cell: out } },
    grid: () => [1, 1, 1],
  };
  try {
    const sums = new Int32Array(await runProbe(gpu, dispatch, PROBE_LANES * 4));
    return sums.every((sum, lane) => {
      const other = PROBE_LANES - 1 - lane;
      const products = [0, 1, 2, 3].map((i) => bytes[lane * 4 + i]! * bytes[other * 4 + i]!);
      return sum === products.reduce((a, b) => a + b);
    });
  } catch {
    // What does not compile is not there; a device that was lost says so again.
    gpu.check();
    return false;
  } finally {
    gpu.destroy(words);
    gpu.destroy(out);
  }
}
