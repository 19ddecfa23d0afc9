import type { ForwardPlan, RopeSpec } from "../../model/plan.ts";
import { CHUNK_ROWS, type Pass, type SampleParams } from "../backend.ts";
import { BINDING_ALIGNMENT } from "./activations.ts";
import { type Gpu, storageBytes } from "./device.ts";
import type { Resource } from "./recorder.ts";
import { ropeAngles } from "./rope-angles.ts";

/** Tokens that a repetition penalty can name on the device. */
export const MAX_PENALIZED = 256;

/** Below any logit: `minP` 0 keeps all. */
const LOWEST = -3e38;

/**
 * All that a pass tells its kernels, in one buffer that is written once a submission: what is set waits here until
 * `flush`. In decode that is a few kilobytes.
 */
export interface Parameters {
  readonly byteLength: number;
  /** Uniform: rows, position. */
  readonly batch: Resource;
  /** Uniform: what the sampler needs. */
  readonly sampling: Resource;
  /** `[MAX_PENALIZED]` u32. */
  readonly penalized: Resource;
  /** `[maxRows]` u32. */
  readonly tokens: Resource;
  /** `[maxRows, dimension / 2]` (cosine, sine) of one of the plan's ways to turn heads. */
  turnsOf(rope: RopeSpec): Resource;
  /** `factorsOf`: the vector of the trunk that divides frequencies. A token that was sampled stays to be copied. */
  setPass(pass: Pass, factorsOf: (name: string) => Float32Array | undefined): void;
  setSampling(params: SampleParams, kept: number): void;
  /** Writes what was set since the last time. */
  flush(): void;
}

const sameRope = (a: RopeSpec, b: RopeSpec): boolean =>
  a.pairing === b.pairing &&
  a.dimension === b.dimension &&
  a.freqBase === b.freqBase &&
  a.freqScale === b.freqScale &&
  a.factors === b.factors;

function ropesOf(plan: ForwardPlan): RopeSpec[] {
  const ropes: RopeSpec[] = [];
  for (const { ops } of plan.layers)
    for (const op of ops)
      if (op.kind === "rope-cache" && !ropes.some((rope) => sameRope(rope, op.rope))) ropes.push(op.rope);
  return ropes;
}

/** Call inside `gpu.allocating`. */
export function createParameters(gpu: Gpu, plan: ForwardPlan, contextLength: number): Parameters {
  const maxRows = Math.min(CHUNK_ROWS, contextLength);
  let end = 0;
  const section = (byteLength: number): { readonly offset: number; readonly size: number } => {
    const offset = end;
    end += Math.ceil(byteLength / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
    return { offset, size: byteLength };
  };
  const batch = section(16);
  const sampling = section(32);
  const penalized = section(MAX_PENALIZED * 4);
  const tokens = section(Math.ceil(maxRows / 4) * 16);
  const ropes = ropesOf(plan).map((rope) => ({ rope, ...section(maxRows * rope.dimension * 4) }));

  const cell = gpu.storage("parameters", end, GPUBufferUsage.UNIFORM);
  const bytes = new ArrayBuffer(end);
  const view = new DataView(bytes);
  /** What is set and not written yet: [from, to). */
  let from = end;
  let to = 0;
  const touch = (offset: number, byteLength: number): void => {
    from = Math.min(from, offset);
    to = Math.max(to, offset + byteLength);
  };
  const resource = (place: { readonly offset: number; readonly size: number }): Resource => ({
    cell,
    offset: place.offset,
    size: place.size,
  });

  return {
    byteLength: storageBytes(end),
    batch: resource(batch),
    sampling: resource(sampling),
    penalized: resource(penalized),
    tokens: resource(tokens),
    turnsOf: (rope) => resource(ropes.find((other) => sameRope(other.rope, rope))!),

    setPass(pass, factorsOf) {
      const rows = pass.tokens === "sampled" ? 1 : pass.tokens.length;
      view.setUint32(batch.offset, rows, true);
      view.setUint32(batch.offset + 4, pass.position, true);
      touch(batch.offset, batch.size);
      if (pass.tokens !== "sampled") {
        new Uint32Array(bytes, tokens.offset, rows).set(pass.tokens);
        touch(tokens.offset, rows * 4);
      }
      for (const { rope, offset } of ropes) {
        const factors = rope.factors === undefined ? undefined : factorsOf(rope.factors);
        const angles = ropeAngles(rope, pass.position, rows, factors);
        new Float32Array(bytes, offset, angles.length).set(angles);
        touch(offset, angles.byteLength);
      }
    },

    setSampling(params, kept) {
      const at = sampling.offset;
      view.setFloat32(at, params.temperature, true);
      view.setFloat32(at + 4, params.topP, true);
      view.setFloat32(at + 8, params.minP > 0 ? Math.log(params.minP) : LOWEST, true);
      view.setFloat32(at + 12, params.repeatPenalty, true);
      view.setFloat32(at + 16, params.random, true);
      view.setUint32(at + 20, kept, true);
      view.setUint32(at + 24, params.penalized.length, true);
      touch(at, sampling.size);
      new Uint32Array(bytes, penalized.offset, params.penalized.length).set(params.penalized);
      touch(penalized.offset, params.penalized.length * 4);
    },

    flush() {
      if (to <= from) return;
      gpu.device.queue.writeBuffer(cell.buffer, from, bytes, from, to - from);
      from = end;
      to = 0;
    },
  };
}
