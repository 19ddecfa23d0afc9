/**
 * The WebGPU backend: weights stay quantised on the device and are decoded in the kernels of `shaders/`.
 *
 * `run` records into one compute pass and `submit` sends it with one readback. What the CPU writes for a command
 * reaches the queue ahead of it, so whoever writes first submits what was recorded before.
 */
import { WebMoEError } from "../../api/errors.ts";
import type { NumericProfile } from "../../api/info.ts";
import type { ExpertsOp, ForwardPlan, RouteOp } from "../../model/plan.ts";
import {
  type Backend,
  CHUNK_ROWS,
  type Decisions,
  type Pass,
  type ReadRequest,
  type ReadResult,
} from "../backend.ts";
import { createActivations } from "./activations.ts";
import { adapterName, type DeviceConstraints, requestAdapter, requestDevice } from "./adapter.ts";
import type { Variants } from "./compose.ts";
import { createGpu, type Gpu } from "./device.ts";
import { isRounded, routesInWgsl } from "./kernels.ts";
import { createKvCache } from "./kv-cache.ts";
import { createMatrices } from "./matrices.ts";
import { createParameters } from "./parameters.ts";
import { probeVariants } from "./probe.ts";
import { EXPERT_TILE_ROWS } from "./products.ts";
import { createPrograms } from "./programs.ts";
import { createReadback, type Range } from "./readback.ts";
import { compilePipelines, createRecorder } from "./recorder.ts";
import { createSampling } from "./sampling.ts";
import { decodeLog, encodeBatchWave, encodeDecisions, encodeRowWave, SELECTION_WORDS } from "./selection.ts";
import { createSlabs } from "./slabs.ts";
import { type TuningStore, tuneVariants } from "./tuning.ts";

export { type DeviceConstraints, requestAdapter };

export interface WebGpuOptions {
  readonly plan: ForwardPlan;
  /** Positions the session can hold. */
  readonly contextLength: number;
  /** Gives one device and is used up: every backend needs an adapter of its own. */
  readonly adapter: GPUAdapter;
  /** `auto` routes decode on the device where the routers have a WGSL twin. */
  readonly routing: "auto" | "wasm";
  /** `int8` where the shading language has products of packed bytes; else f32, as `numerics` says. Default f32. */
  readonly activations?: "f32" | "int8";
  /** Writes the trunk while pipelines compile, and does nothing else with the backend. */
  readonly fill?: (backend: Backend) => Promise<void>;
  /** Pipelines compiled so far, and in all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Keeps what timing chose on this device; without one it is timed at every load. */
  readonly tuningStore?: TuningStore;
  /** The device is gone; every later call rejects with `device-lost`. */
  readonly onLost?: (message: string) => void;
  /** For tests. */
  readonly constraints?: DeviceConstraints;
}

/**
 * A backend with the plan's buffers allocated, filled, and all its pipelines compiled.
 *
 * Errors: `out-of-memory`, `device-lost`, `unsupported-quantization` for shapes that the kernels cannot load; those of
 * `fill`.
 */
export async function createWebGpuBackend(options: WebGpuOptions): Promise<Backend> {
  const { adapter, constraints = {} } = options;
  let device: GPUDevice;
  try {
    device = await requestDevice(adapter, constraints);
  } catch (cause) {
    throw new WebMoEError("device-lost", `${adapterName(adapter)} gave no device. Use the wasm backend.`, {
      cause,
    });
  }
  const gpu = createGpu(device, constraints, options.onLost);
  try {
    const probed = await probeVariants(gpu, adapter, options.activations);
    const variants = await tuneVariants(gpu, adapter, options.plan, probed, options.tuningStore);
    const { backend, compiled } = await build(gpu, variants, options);
    await Promise.all([compiled, options.fill?.(backend)]);
    return backend;
  } catch (error) {
    gpu.dispose();
    throw error;
  }
}

/** Whether any product of the plan multiplies rounded numbers. */
function roundsActivations(plan: ForwardPlan, variants: Variants): boolean {
  const experts = plan.layers.flatMap(({ moe }) => (moe ? Object.values(moe.matrices) : []));
  return [...plan.trunk, ...experts].some(({ type, rows }) => rows > 1 && isRounded(variants, type));
}

/** A backend whose pipelines may still be compiling. */
async function build(
  gpu: Gpu,
  variants: Variants,
  options: WebGpuOptions,
): Promise<{ readonly backend: Backend; readonly compiled: Promise<void> }> {
  const { plan, contextLength } = options;
  const { queue } = gpu.device;

  const allocate = () => {
    const matrices = createMatrices(gpu, plan);
    const slabs = createSlabs(gpu, plan);
    const cache = createKvCache(gpu, plan, contextLength);
    const activations = createActivations(gpu, plan, contextLength);
    const parameters = createParameters(gpu, plan, contextLength);
    const sampling = createSampling(gpu, plan, activations, parameters, variants);
    return { matrices, slabs, cache, activations, parameters, sampling };
  };
  const { matrices, slabs, cache, activations, parameters, sampling } = await gpu.allocating(
    "the model",
    allocate,
  );
  const programs = createPrograms({ plan, variants, matrices, slabs, cache, parameters, activations });
  const dispatches = [...programs.all, ...sampling.dispatches];
  const { byText, compiled } = compilePipelines(gpu, dispatches, options.onProgress);
  const recorder = createRecorder(gpu, byText, parameters.flush);
  const readback = createReadback(gpu);

  const routers = plan.layers.flatMap(({ moe }) => moe?.router ?? []);
  const routesOnDevice = options.routing === "auto" && routers.every(routesInWgsl);
  const numerics: NumericProfile = {
    backend: "webgpu",
    adapter: adapterName(options.adapter),
    activations: roundsActivations(plan, variants) ? "int8" : "f32",
    kvCache: "f32",
    kernels: [
      ...(variants.subgroupLanes !== undefined ? [`subgroups-${variants.subgroupLanes}`] : []),
      ...(variants.nativeHalf ? ["shader-f16"] : []),
    ],
    prefillRouting: "wasm",
    decodeRouting: routesOnDevice ? "wgsl" : "wasm",
    chunkRows: CHUNK_ROWS,
  };

  /** Vectors that change rope frequencies: angles are made on the CPU. */
  const ropeFactors = new Map<string, Float32Array | undefined>(
    plan.layers.flatMap(({ ops }) =>
      ops.flatMap((op) =>
        op.kind === "rope-cache" && op.rope.factors ? [[op.rope.factors, undefined]] : [],
      ),
    ),
  );

  let phase: Pass["phase"] = "prefill";
  let rows = 0;
  /** Of the context, this pass included. */
  let positions = 0;

  /** Bytes for commands that are not recorded yet: those that are must not see them. */
  function write(
    buffer: GPUBuffer,
    offset: number,
    data: Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  ): void {
    recorder.submit();
    queue.writeBuffer(buffer, offset, data);
  }

  /** How many there are. */
  function checkTokens(phase: Pass["phase"], tokens: Uint32Array): number {
    const most = phase === "decode" ? 1 : activations.maxRows;
    if (tokens.length < 1 || tokens.length > most)
      throw new WebMoEError(
        "invalid-argument",
        `A ${phase} pass of ${tokens.length} tokens, not 1 to ${most}.`,
      );
    const { vocabSize } = plan.hyperparameters;
    const unknown = tokens.find((token) => token >= vocabSize);
    if (unknown !== undefined)
      throw new WebMoEError(
        "invalid-argument",
        `The vocabulary of ${vocabSize} tokens has no token ${unknown}.`,
      );
    return tokens.length;
  }

  function runExperts(op: ExpertsOp, source: "log" | "wave", items: number): void {
    for (const dispatch of programs.experts(op, phase, source)) recorder.record(dispatch, items, positions);
  }

  function ranksOf(layer: number): number {
    return plan.layers[layer]?.moe?.router.expertsPerToken ?? 0;
  }

  /** `values`: numbers of the value that was asked for. */
  function parse(read: ReadRequest, values: number, bytes: ArrayBuffer): ReadResult {
    let at = 0;
    const words = (count: number): Uint32Array => {
      const view = new Uint32Array(bytes, at, count);
      at += count * 4;
      return view;
    };
    const { from, to } = read.routing ?? { from: 0, to: 0 };
    const log = words(((to - from) * activations.logStride) / 4);
    const ranks = plan.hyperparameters.expertsPerToken;
    const routing = read.routing && decodeLog(log, activations.logStride / 4, ranks);
    const value = read.value !== undefined && new Float32Array(words(values).slice().buffer);
    const token = read.token ? words(1)[0] : undefined;
    return { ...(routing && { routing }), ...(value && { value }), ...(token !== undefined && { token }) };
  }

  const backend: Backend = {
    numerics,
    routesOnDevice,
    threads: 1,

    writeTrunk(tensor, packed) {
      gpu.check();
      matrices.write(tensor, packed);
      if (ropeFactors.has(tensor.name))
        ropeFactors.set(tensor.name, new Float32Array(packed.bytes.slice(0, tensor.cols * 4).buffer));
    },
    slotBytes: (layer) => slabs.slotBytes(layer),
    async allocateSlots(counts) {
      gpu.check();
      recorder.discard();
      await slabs.allocate(counts);
    },
    writeSlot(layer, slot, matrix, packed) {
      gpu.check();
      recorder.submit();
      slabs.write(layer, slot, matrix, packed);
    },
    writeSlotTable(layer, table) {
      gpu.check();
      recorder.submit();
      slabs.writeTable(layer, table);
    },

    async beginPass(pass) {
      gpu.check();
      recorder.discard();
      const sampled = pass.tokens === "sampled";
      if (sampled && (pass.phase === "prefill" || !routesOnDevice))
        throw new WebMoEError(
          "invalid-argument",
          "Only a decode pass that the device routes begins with a token that it sampled.",
        );
      const count = sampled ? 1 : checkTokens(pass.phase, pass.tokens);
      const end = pass.position + count;
      if (end > contextLength)
        throw new WebMoEError("context-full", `Position ${end} is beyond the context of ${contextLength}.`);
      await cache.reserve(end);
      phase = pass.phase;
      rows = count;
      positions = end;
      parameters.setPass(pass, (name) => ropeFactors.get(name));
      // Ahead of this pass's kernels, and behind what the CPU writes for them.
      if (sampled) recorder.copy({ cell: sampling.token }, parameters.tokens, 4);
    },

    run(op) {
      gpu.check();
      if ((op.kind === "experts" || op.kind === "route") && (phase === "prefill" || !routesOnDevice))
        throw new WebMoEError("invalid-argument", `The device does not run ${op.kind} in this phase.`);
      if (op.kind === "experts") runExperts(op, "log", ranksOf(op.layer));
      else for (const dispatch of programs.of(op, phase)) recorder.record(dispatch, rows, positions);
    },

    setDecisions(op: RouteOp, decisions: Decisions) {
      gpu.check();
      const selection = encodeDecisions(decisions);
      if (phase === "prefill") write(activations.decisions.buffer, 0, selection);
      else write(activations.log.buffer, op.layer * activations.logStride, selection);
    },

    async runWave(op, wave) {
      gpu.check();
      const limit = rows * ranksOf(op.layer);
      if (wave.entries.some((entry) => entry >= limit))
        throw new WebMoEError(
          "invalid-argument",
          `A wave of layer ${op.layer} names an entry beyond the ${limit} of this pass.`,
        );
      if (wave.entries.length === 0) return;
      if (phase === "decode") {
        const selection = encodeRowWave(wave, activations.maxRanks);
        write(activations.waveSelection.buffer, 0, selection);
        // The device may have logged these experts as absent; `combine` adds only ranks that have a slot.
        for (const rank of wave.entries) {
          const slotWord = rank * SELECTION_WORDS + 2;
          const offset = op.layer * activations.logStride + slotWord * 4;
          write(activations.log.buffer, offset, selection.subarray(slotWord, slotWord + 1));
        }
        runExperts(op, "wave", ranksOf(op.layer));
      } else {
        const items = encodeBatchWave(wave, EXPERT_TILE_ROWS);
        write(activations.items.buffer, 0, items);
        write(activations.entries.buffer, 0, wave.entries as Uint32Array<ArrayBuffer>);
        runExperts(op, "wave", items.length / 4);
      }
      recorder.submit();
    },

    canSample: (params) => sampling.supports(params),

    sample(params) {
      gpu.check();
      if (!sampling.supports(params))
        throw new WebMoEError("invalid-argument", "The device does not sample with these options.");
      sampling.set(params);
      for (const dispatch of sampling.dispatches) recorder.record(dispatch, 1, positions);
    },

    async submit(read) {
      gpu.check();
      const ranges: Range[] = [];
      // Now, not when they come: the next pass may have begun by then.
      const values = read.value === undefined ? 0 : activations.liveLength(read.value, rows);
      if (read.routing && read.routing.to > read.routing.from) {
        const { from, to } = read.routing;
        const stride = activations.logStride;
        ranges.push({ cell: activations.log, offset: from * stride, byteLength: (to - from) * stride });
      }
      if (read.value !== undefined) {
        const cell = activations.value(read.value, phase);
        ranges.push({ cell, offset: 0, byteLength: values * 4 });
      }
      if (read.token) ranges.push({ cell: sampling.token, offset: 0, byteLength: 4 });
      if (ranges.length > 0) return parse(read, values, await readback.read(recorder, ranges));
      recorder.submit();
      return parse(read, values, new ArrayBuffer(0));
    },

    writeValue(value, data) {
      gpu.check();
      write(activations.value(value, phase).buffer, 0, data as Float32Array<ArrayBuffer>);
    },

    memory: () => ({
      trunkBytes: matrices.byteLength,
      kvBytes: cache.byteLength,
      expertBytes: slabs.byteLength,
      scratchBytes: activations.byteLength + parameters.byteLength + sampling.byteLength,
    }),

    // Destroying the device destroys all that was made from it.
    dispose() {
      recorder.discard();
      gpu.dispose();
    },
  };
  return { backend, compiled };
}
