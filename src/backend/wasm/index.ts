/**
 * The CPU backend: every op of a plan in WebAssembly (`asm/compute`), at once and synchronously. Where memory can be
 * shared, helper threads take their share of the large products and of attention (`threads/`).
 * Weights stay quantised; activations are f32, and in the int8 profile what enters a product is rounded (`int8.ts`).
 * One arena holds trunk, values, expert slots and KV pages.
 */
import { WebMoEError } from "../../api/errors.ts";
import type {
  AttentionOp,
  CombineOp,
  ForwardPlan,
  GatedActivationOp,
  LinearOp,
  Op,
  RopeCacheOp,
  ValueId,
} from "../../model/plan.ts";
import {
  EMBED_SCRATCH_BYTES,
  HALF_TABLE_BYTES,
  INT8_ACTIVATIONS,
  instantiateCompute,
} from "../../wasm/compute.ts";
import type { ComputeBuild } from "../../wasm/compute-builds.ts";
import { type Backend, CHUNK_ROWS } from "../backend.ts";
import { alignedBytes, createArena, createMemory, createSharedMemory } from "./arena.ts";
import { checkPlan } from "./check-plan.ts";
import { createExperts } from "./experts.ts";
import { hasQuantizedWeights, int8Kernels, quantizedInputBytes } from "./int8.ts";
import { createJobWriter, JOB_BYTES, type Product, type Scratch } from "./job.ts";
import { createKernels } from "./kernels.ts";
import { createKvCache } from "./kv-cache.ts";
import { type Matrix, matrixAt, matrixBytes, tensorsOf, writeRows } from "./matrices.ts";
import { hasRelaxedDot } from "./relaxed-simd.ts";
import { createSlots } from "./slots.ts";
import { createPool, type StartHelper } from "./threads/pool.ts";

export interface WasmBackendOptions {
  readonly plan: ForwardPlan;
  /** Compiles compute.wasm. */
  readonly compile: (build: ComputeBuild) => Promise<WebAssembly.Module>;
  /** Positions the KV cache may grow to. */
  readonly contextLength: number;
  /** What enters a product with quantised weights: f32 rows (the default), or rows rounded to bytes. */
  readonly activations?: "f32" | "int8";
  /** Threads to compute on, of which all but this one are started; the default is this one alone. */
  readonly threads?: { readonly count: number; readonly start: StartHelper };
}

/** What the device cannot do on this backend, in one message. */
function notOnDevice(what: string): never {
  throw new WebMoEError(
    "invalid-argument",
    `The CPU backend does not ${what}: decisions and sampling are core.wasm's; use setDecisions and runWave.`,
  );
}

/**
 * Makes a backend for one model.
 * Errors: `unsupported-architecture` if the plan's shapes do not suit the kernels, `out-of-memory`.
 */
export async function createWasmBackend(options: WasmBackendOptions): Promise<Backend> {
  const { plan, contextLength, threads } = options;
  checkPlan(plan);
  const { headCount, kvHeadCount, headDim, hiddenSize, expertsPerToken, vocabSize } = plan.hyperparameters;
  const sharedMemory = threads && threads.count > 1 ? createSharedMemory() : undefined;
  const memory = sharedMemory ?? createMemory();
  const int8 = options.activations === "int8" && hasQuantizedWeights(plan);
  const relaxed = int8 && hasRelaxedDot();
  const module = await options.compile({ shared: sharedMemory !== undefined, relaxed });
  const compute = await instantiateCompute(module, memory);
  const arena = createArena(memory, compute.heapBase());

  let scratchBytes = 0;
  const scratch = (bytes: number, purpose: string): number => {
    scratchBytes += bytes;
    return arena.allocate(bytes, purpose);
  };
  const halfTable = scratch(HALF_TABLE_BYTES, "the table of halves");
  compute.fillHalfTable(halfTable);
  compute.useHalfTable(halfTable);

  const trunk = new Map(
    plan.trunk.map((spec) => {
      const address = arena.allocate(matrixBytes(spec), spec.name);
      return [spec.name, { spec, address, matrix: matrixAt(address, spec) }] as const;
    }),
  );
  const trunkBytes = plan.trunk.reduce((sum, spec) => sum + matrixBytes(spec), 0);
  const values = plan.values.map(({ name, width, rows }) => ({
    name,
    width,
    rows,
    address: scratch((rows === "batch" ? CHUNK_ROWS : 1) * width * 4, name),
  }));

  const ops = [...plan.prologue, ...plan.layers.flatMap((layer) => layer.ops), ...plan.epilogue];
  const ropes = new Map(
    ops
      .filter((op) => op.kind === "rope-cache")
      .map(({ rope }) => [ropeKey(rope), rope] as const)
      .map(([key, rope]) => [key, { rope, table: scratch(CHUNK_ROWS * rope.dimension * 4, "rope table") }]),
  );
  const tokensAt = scratch(CHUNK_ROWS * 4, "tokens");
  const embedScratch = scratch(EMBED_SCRATCH_BYTES, "a block of embeddings");
  const keyRowAt = scratch(kvHeadCount * headDim * 4, "a row of keys");
  const perThread = (bytes: number, purpose: string): Scratch => {
    const apart = alignedBytes(bytes);
    return { address: scratch(apart * (sharedMemory && threads ? threads.count : 1), purpose), bytes: apart };
  };
  const widest = Math.max(...tensorsOf(plan).map(({ cols }) => cols));
  const linearScratch = perThread(compute.linearScratchBytes(CHUNK_ROWS, widest), "matrix tiles");
  const attentionScratch = perThread(
    compute.attentionScratchBytes(CHUNK_ROWS, headCount),
    "attention scores",
  );
  const job = scratch(JOB_BYTES, "the job that threads share");
  const quantizedAt = int8 ? scratch(quantizedInputBytes(plan, compute), "quantised inputs") : 0;
  const weightsAt = scratch(CHUNK_ROWS * expertsPerToken * 4, "routing weights");

  const kv = createKvCache(plan.hyperparameters, { compute, arena, contextLength });
  // Products on rounded rows read some matrices in an order of their own.
  const arrange = int8 ? compute.arrangeRows : undefined;
  const slots = createSlots(plan.layers, arena, arrange);
  const experts = createExperts({ plan, compute, arena, slots, allocate: scratch });
  // Last, since nobody would end the helpers of a backend that could not be created.
  const pool =
    threads && sharedMemory
      ? await createPool({
          compute,
          module,
          memory,
          halfTable,
          job,
          threads: threads.count,
          start: threads.start,
        })
      : undefined;
  const exactKernels = createKernels({
    compute,
    job,
    writer: createJobWriter(arena, job),
    heads: { headCount, kvHeadCount, headDim },
    linearScratch,
    attentionScratch,
    pool,
  });
  const kernels = int8 ? int8Kernels(exactKernels, compute, quantizedAt) : exactKernels;

  let pass: { readonly position: number; readonly tokens: Uint32Array } = {
    position: 0,
    tokens: new Uint32Array(1),
  };
  /** The layer whose routing weights are at weightsAt. */
  let decidedLayer: number | undefined;

  const weight = (name: string): Matrix => trunk.get(name)!.matrix;
  const value = (id: ValueId): number => values[id]!.address;
  /** Address of a vector, or 0 for none: the kernels' sign that there is nothing to heed. */
  const vector = (name: string | undefined): number => (name === undefined ? 0 : weight(name).planes[0]);
  const optionalValue = (id: ValueId | undefined): number => (id === undefined ? 0 : value(id));
  const liveRows = (id: ValueId): number => (values[id]!.rows === "batch" ? pass.tokens.length : 1);

  const runLinear = (op: LinearOp): void => {
    let out = value(op.out);
    const products = op.weights.map((name, i) => {
      const matrix = weight(name);
      const product: Product = {
        matrix,
        x: value(op.x),
        rows: liveRows(op.x),
        out,
        outStride: values[op.out]!.width * 4,
        bias: vector(op.biases?.[i]),
        scale: op.scale ?? 1,
        residual: optionalValue(op.residual),
      };
      out += matrix.rows * 4;
      return product;
    });
    kernels.products(products);
  };

  const runRopeCache = (op: RopeCacheOp): void => {
    compute.ropeCache(
      value(op.qkv),
      pass.tokens.length,
      pass.position,
      headCount,
      kvHeadCount,
      headDim,
      vector(op.qNorm),
      vector(op.kNorm),
      op.normSpan === "row" ? 1 : 0,
      op.eps,
      ropes.get(ropeKey(op.rope))!.table,
      op.rope.dimension,
      op.rope.pairing === "neox" ? 1 : 0,
      kv.pageTable(op.layer),
      value(op.out),
      keyRowAt,
    );
  };

  const runAttention = (op: AttentionOp): void => {
    kernels.attention({
      q: value(op.q),
      rows: pass.tokens.length,
      position: pass.position,
      scale: op.scale,
      pageTable: kv.pageTable(op.layer),
      out: value(op.out),
    });
  };

  const runCombine = (op: CombineOp): void => {
    if (decidedLayer !== op.layer) {
      throw new WebMoEError("invalid-argument", `combine in layer ${op.layer} came before its setDecisions.`);
    }
    compute.combine(
      value(op.residual),
      weightsAt,
      experts.rows,
      pass.tokens.length,
      expertsPerToken,
      hiddenSize,
      optionalValue(op.shared),
      op.scale ?? 1,
      value(op.out),
    );
  };

  const runGatedActivation = (op: GatedActivationOp): void => {
    const bytes = values[op.out]!.width * 4;
    for (let row = 0; row < liveRows(op.x); row++) {
      const gate = value(op.x) + row * 2 * bytes;
      compute.siluMul(gate, gate + bytes, bytes / 4, value(op.out) + row * bytes);
    }
  };

  const run = (op: Op): void => {
    switch (op.kind) {
      case "embed": {
        const { type, planes, cols } = weight(op.weight);
        const { scale = 1 } = op;
        const lies = int8 ? type | INT8_ACTIVATIONS : type;
        const out = value(op.out);
        compute.embed(lies, ...planes, cols, tokensAt, pass.tokens.length, scale, out, embedScratch);
        break;
      }
      case "rms-norm": {
        const { width } = values[op.x]!;
        const [first, count] = op.rows === "last" ? [liveRows(op.x) - 1, 1] : [0, liveRows(op.x)];
        const x = value(op.x) + first * width * 4;
        compute.rmsNorm(x, weight(op.weight).planes[0], width, op.eps, count, value(op.out));
        break;
      }
      case "linear":
        runLinear(op);
        break;
      case "rope-cache":
        runRopeCache(op);
        break;
      case "attention":
        runAttention(op);
        break;
      case "gated-activation":
        runGatedActivation(op);
        break;
      case "combine":
        runCombine(op);
        break;
      case "route":
      case "experts":
        notOnDevice(`run ${op.kind} by itself`);
    }
  };

  return {
    numerics: {
      backend: "wasm",
      adapter: "wasm-simd",
      activations: int8 ? "int8" : "f32",
      kvCache: "f32",
      kernels: [relaxed ? "relaxed-simd" : "simd"],
      prefillRouting: "wasm",
      decodeRouting: "wasm",
      chunkRows: CHUNK_ROWS,
    },
    routesOnDevice: false,
    threads: pool?.threads ?? 1,

    writeTrunk({ name }, rows) {
      const tensor = trunk.get(name);
      if (!tensor) throw new WebMoEError("invalid-argument", `${name} is no trunk tensor of this plan.`);
      writeRows(arena, tensor.address, tensor.spec, rows, arrange);
    },
    slotBytes: slots.slotBytes,
    async allocateSlots(counts) {
      slots.allocate(counts);
    },
    writeSlot: slots.write,
    // Experts are reached by the slots that a wave names; there is no device router to tell.
    writeSlotTable() {},

    async beginPass({ position, tokens }) {
      if (tokens === "sampled") return notOnDevice("know a token that it sampled");
      if (tokens.length < 1 || tokens.length > CHUNK_ROWS || position + tokens.length > contextLength) {
        throw new WebMoEError(
          "invalid-argument",
          `A pass of ${tokens.length} tokens at position ${position} does not fit: 1 to ${CHUNK_ROWS} tokens, ` +
            `context of ${contextLength}.`,
        );
      }
      const unknown = tokens.find((token) => token >= vocabSize);
      if (unknown !== undefined) {
        throw new WebMoEError(
          "invalid-argument",
          `Token ${unknown} is outside the vocabulary of ${vocabSize}.`,
        );
      }
      kv.reserve(position + tokens.length);
      pass = { position, tokens };
      decidedLayer = undefined;
      arena.words(tokensAt, tokens.length).set(tokens);
      for (const { rope, table } of ropes.values()) {
        const { dimension, freqBase, freqScale = 1, factors } = rope;
        compute.fillRope(position, tokens.length, dimension, freqBase, freqScale, vector(factors), table);
      }
    },
    run,
    setDecisions(op, { weights }) {
      if (weights.length !== pass.tokens.length * expertsPerToken) {
        throw new WebMoEError(
          "invalid-argument",
          `Layer ${op.layer} got ${weights.length} routing weights for ${pass.tokens.length} rows of ${expertsPerToken}.`,
        );
      }
      arena.floats(weightsAt, weights.length).set(weights);
      decidedLayer = op.layer;
    },
    async runWave(op, wave) {
      experts.run(kernels, op, value(op.x), pass.tokens.length, wave);
    },
    canSample: () => false,
    sample: () => notOnDevice("sample"),
    async submit(read) {
      if (read.routing || read.token) notOnDevice("route or sample");
      if (read.value === undefined) return {};
      const length = liveRows(read.value) * values[read.value]!.width;
      return { value: arena.floats(value(read.value), length).slice() };
    },

    writeValue(id, data) {
      const { name, width, rows, address } = values[id]!;
      if (data.length > (rows === "batch" ? CHUNK_ROWS : 1) * width) {
        throw new WebMoEError("invalid-argument", `${data.length} numbers do not fit the value ${name}.`);
      }
      arena.floats(address, data.length).set(data);
    },

    memory: () => ({ trunkBytes, kvBytes: kv.byteLength(), expertBytes: slots.byteLength(), scratchBytes }),
    // The arena goes with the last reference to this backend: WebAssembly memory cannot be given back sooner.
    dispose() {
      pool?.dispose();
    },
  };
}

/** Ropes with equal keys turn by the same angles. */
function ropeKey({ dimension, freqBase, freqScale = 1, factors = "" }: RopeCacheOp["rope"]): string {
  return `${dimension}/${freqBase}/${freqScale}/${factors}`;
}
