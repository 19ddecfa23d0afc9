/** What a token costs besides arithmetic: every call that a decode pass makes to the device, counted at the device. */
import type { Backend, SampleParams } from "../../src/backend/backend.ts";
import { randomWeights, tinyPlan } from "../../src/backend/testing/plans.ts";
import type { DeviceConstraints } from "../../src/backend/webgpu/index.ts";
import type { ForwardPlan } from "../../src/model/plan.ts";
import { type Finding, fill, gpuBackend } from "./harness.ts";

const COUNTED = [
  "dispatches",
  "submissions",
  "buffer writes",
  "readbacks",
  "command encoders",
  "compute passes",
  "buffers made",
  "bind groups made",
  "pipelines made",
] as const;

type Counts = Record<(typeof COUNTED)[number], number>;

const nothing = (): Counts => Object.fromEntries(COUNTED.map((name) => [name, 0])) as Counts;

/** Calls `before` each time `target[method]` is called. */
function watchCalls<T extends object, K extends keyof T>(target: T, method: K, before: () => void): void {
  const original = target[method];
  if (typeof original !== "function") throw new Error(`${String(method)} is no method.`);
  Object.defineProperty(target, method, {
    value: (...args: unknown[]): unknown => {
      before();
      return Reflect.apply(original, target, args);
    },
  });
}

/** Counts into `counts` what is called on the device and on the encoders and buffers it makes. */
function watchDevice(device: GPUDevice, counts: Counts): void {
  const count = (name: keyof Counts) => () => void counts[name]++;
  watchCalls(device, "createBindGroup", count("bind groups made"));
  watchCalls(device, "createComputePipeline", count("pipelines made"));
  watchCalls(device, "createComputePipelineAsync", count("pipelines made"));
  watchCalls(device.queue, "submit", count("submissions"));
  watchCalls(device.queue, "writeBuffer", count("buffer writes"));
  const { createBuffer, createCommandEncoder } = device;
  device.createBuffer = (descriptor) => {
    counts["buffers made"]++;
    const buffer = createBuffer.call(device, descriptor);
    watchCalls(buffer, "mapAsync", count("readbacks"));
    return buffer;
  };
  device.createCommandEncoder = (descriptor) => {
    counts["command encoders"]++;
    const encoder = createCommandEncoder.call(device, descriptor);
    const { beginComputePass } = encoder;
    encoder.beginComputePass = (descriptor) => {
      counts["compute passes"]++;
      const pass = beginComputePass.call(encoder, descriptor);
      watchCalls(pass, "dispatchWorkgroups", count("dispatches"));
      return pass;
    };
    return encoder;
  };
}

const PARAMS: SampleParams = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repeatPenalty: 1.1,
  penalized: Uint32Array.of(3, 5),
  random: 0.4,
};

/** One token as the executor decodes it, all experts resident. */
async function decodeToken(
  backend: Backend,
  plan: ForwardPlan,
  position: number,
  segmentLayers: number,
): Promise<void> {
  const layerCount = plan.layers.length;
  await backend.beginPass({ phase: "decode", position, tokens: Uint32Array.of(7) });
  plan.prologue.forEach(backend.run);
  for (let from = 0; from < layerCount; from += segmentLayers) {
    const to = Math.min(from + segmentLayers, layerCount);
    for (const { ops } of plan.layers.slice(from, to)) ops.forEach(backend.run);
    if (to === layerCount) {
      plan.epilogue.forEach(backend.run);
      backend.sample(PARAMS);
    }
    await backend.submit({ routing: { from, to }, token: to === layerCount });
  }
}

/** Embedding, the first layer's norm, output head, and three of the sampler. */
const OUTSIDE_LAYERS = 6;
const IN_A_LAYER = 9;

export async function countCommands(constraints: DeviceConstraints): Promise<Finding[]> {
  // q, k and v of 960 outputs: too many for their norm to be part of the product.
  const plan = tinyPlan({ layerCount: 3, headDim: 96 });
  const counts = nothing();
  const gpu = await gpuBackend(plan, constraints, { onDevice: (device) => watchDevice(device, counts) });
  await fill(gpu, plan, randomWeights(plan, 1));
  const findings: Finding[] = [];
  // Far enough that attention takes two dispatches.
  const position = 300;
  for (const segmentLayers of [3, 2]) {
    await decodeToken(gpu, plan, position, segmentLayers);
    Object.assign(counts, nothing());
    await decodeToken(gpu, plan, position + 1, segmentLayers);
    const segments = Math.ceil(plan.layers.length / segmentLayers);
    const expected: Counts = {
      ...nothing(),
      dispatches: OUTSIDE_LAYERS + IN_A_LAYER * plan.layers.length,
      submissions: segments,
      // The sampler's numbers come with the last segment.
      "buffer writes": segments,
      readbacks: segments,
      "command encoders": segments,
      "compute passes": segments,
    };
    for (const name of COUNTED)
      findings.push({
        what: `a token in ${segments} segments: ${counts[name]} ${name}, not ${expected[name]}`,
        difference: counts[name] === expected[name] ? 0 : 1,
      });
  }
  gpu.dispose();
  return findings;
}
