/** Every WGSL kernel against its WASM twin: same weights, same inputs, one op at a time. */
import type { Backend, Decisions } from "../../src/backend/backend.ts";
import { findOp, type TinyShape } from "../../src/backend/testing/plans.ts";
import { makeWave } from "../../src/backend/testing/run.ts";
import { createRandom, randomFloats } from "../../src/backend/testing/tensors.ts";
import type { DeviceConstraints } from "../../src/backend/webgpu/index.ts";
import type { ForwardPlan, Op, ValueId } from "../../src/model/plan.ts";
import type { QuantName } from "../../src/model/quantization.ts";
import {
  type Activations,
  coreInstance,
  type Finding,
  makeTwins,
  relativeDifference,
  type Twins,
} from "./harness.ts";

/** Shapes that no tile divides: odd row counts, widths of few spans, heads and experts of unusual width. */
const SHAPES: readonly (Partial<TinyShape> & { readonly name: string; readonly expertType: QuantName })[] = [
  { name: "q8_0", trunkType: "q8_0", expertType: "q8_0" },
  {
    name: "q4_0, wide heads, no norm of heads, paired rope",
    trunkType: "q4_0",
    expertType: "q4_0",
    hiddenSize: 160,
    expertHiddenSize: 96,
    headDim: 64,
    qkNorm: false,
    rope: { pairing: "norm", dimension: 64, freqBase: 1_000_000 },
    expertCount: 13,
    expertsPerToken: 5,
    // Taller than one buffer where bindings are tiny.
    vocabSize: 2003,
  },
  {
    name: "f16, heads of 80 of which 64 turn",
    trunkType: "f16",
    expertType: "f16",
    headDim: 80,
    rope: { pairing: "neox", dimension: 64, freqBase: 10_000 },
    vocabSize: 67,
  },
  {
    name: "f32, heads of 128",
    trunkType: "f32",
    expertType: "f32",
    hiddenSize: 64,
    headCount: 4,
    kvHeadCount: 4,
    headDim: 128,
    rope: { pairing: "neox", dimension: 128, freqBase: 10_000 },
    expertHiddenSize: 32,
    expertCount: 5,
    expertsPerToken: 1,
  },
];

/** Rows of a prompt chunk: not a multiple of the tile, and more positions than one run of attention. */
const PROMPT_ROWS = 71;

/** What an op reads besides weights and the cache. */
function inputsOf(op: Op): ValueId[] {
  switch (op.kind) {
    case "rms-norm":
      return [op.x];
    case "linear":
      return op.residual === undefined ? [op.x] : [op.x, op.residual];
    case "rope-cache":
      return [op.qkv];
    case "attention":
      return [op.q];
    case "experts":
      return [op.x];
    case "combine":
      return op.shared === undefined ? [op.residual] : [op.residual, op.shared];
    case "gated-activation":
      return [op.x];
    case "embed":
    case "route":
      return [];
  }
}

function randomDecisions(random: () => number, plan: ForwardPlan, rows: number): Decisions {
  const { expertCount, expertsPerToken } = plan.hyperparameters;
  const ids = new Uint32Array(rows * expertsPerToken);
  for (let row = 0; row < rows; row++) {
    const first = Math.floor(random() * expertCount);
    for (let rank = 0; rank < expertsPerToken; rank++)
      ids[row * expertsPerToken + rank] = (first + rank * rank) % expertCount;
  }
  return { ids, weights: randomFloats(random, ids.length) };
}

/** Runs every op of the plan on a batch of random inputs, and compares what each leaves. */
async function compareOps(
  twins: Twins,
  position: number,
  rows: number,
  random: () => number,
): Promise<Finding[]> {
  const { plan, gpu, wasm } = twins;
  const { vocabSize } = plan.hyperparameters;
  const backends: readonly Backend[] = [gpu, wasm];
  const phase = rows === 1 ? "decode" : "prefill";
  const tokens = Uint32Array.from({ length: rows }, () => Math.floor(random() * vocabSize));
  for (const backend of backends) await backend.beginPass({ phase, position, tokens });

  const write = (id: ValueId): void => {
    const { width, rows: kind } = plan.values[id]!;
    const data = randomFloats(random, width * (kind === "one" ? 1 : rows));
    for (const backend of backends) backend.writeValue(id, data);
  };
  const findings: Finding[] = [];
  const compare = async (what: string, value: ValueId): Promise<void> => {
    const [a, b] = await Promise.all(backends.map((backend) => backend.submit({ value })));
    findings.push({ what: `${what}, ${phase}`, difference: relativeDifference(a!.value!, b!.value!) });
  };

  // In decode, norms are part of the op before or after them, and turning heads is part of attention: the GPU skips
  // these ops, and their results are seen through those of the op that reads them.
  const inside = new Set<ValueId>();
  for (const op of [...plan.prologue, ...plan.layers[0]!.ops, ...plan.epilogue]) {
    inputsOf(op)
      .filter((id) => !inside.has(id))
      .forEach(write);
    if (op.kind === "route") continue;
    if (op.kind === "experts") {
      const decisions = randomDecisions(random, plan, rows);
      const wave = makeWave(decisions.ids, [...new Set(decisions.ids)], (expert) => expert);
      for (const backend of backends) {
        backend.setDecisions(findOp(plan, "route", op.layer), decisions);
        await backend.runWave(op, wave);
      }
      continue;
    }
    for (const backend of backends) backend.run(op);
    if (phase === "decode" && (op.kind === "rms-norm" || op.kind === "rope-cache")) {
      inside.add(op.out);
      continue;
    }
    if (op.kind === "linear" && inside.has(op.x) && findOp(plan, "experts", 0).x === op.x) {
      await compare("rms-norm that experts read", op.x);
      inside.delete(op.x);
    }
    // The norm of what it left is made already.
    if (op.kind === "combine") inside.add(op.out);
    // The experts' rows are seen through combine.
    await compare(op.kind, op.out);
  }
  return findings;
}

/** The router's picks and weights in decode against core.wasm's. */
async function compareRouting({ plan, gpu }: Twins, random: () => number): Promise<Finding[]> {
  const core = await coreInstance();
  const op = findOp(plan, "route", 0);
  const { expertCount } = op.spec;
  const logits = randomFloats(random, expertCount, 8);
  // Equal logits must go to the lowest id.
  logits[expertCount - 1] = logits[1]!;
  await gpu.beginPass({ phase: "decode", position: 0, tokens: new Uint32Array(1) });
  gpu.writeValue(op.logits, logits);
  gpu.run(op);
  const { routing } = await gpu.submit({ routing: { from: 0, to: 1 } });
  const expected = core.route(op.spec, logits, 1);
  const same = routing!.ids.every((id, i) => id === expected.ids[i] && routing!.slots[i] === id);
  return [
    { what: "routed ids and slots", difference: same ? 0 : 1 },
    { what: "routing weights", difference: relativeDifference(routing!.weights, expected.weights) },
  ];
}

type NamedShape = (typeof SHAPES)[number];

/**
 * Experts round twice, and between the roundings stands silu, which twins compute differently in the last bit: a number
 * that lies between two bytes may become either. A wrong scale or code would be a hundred times as much.
 */
const ROUNDED_EXPERTS_TOLERANCE = 1e-3;

async function compareShapes(
  shapes: readonly NamedShape[],
  constraints: DeviceConstraints,
  activations: Activations,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const shape of shapes) {
    const twins = await makeTwins({ ...shape, layerCount: 1 }, constraints, activations);
    const random = createRandom(7);
    const found = [
      { what: `${activations} activations`, difference: profileDifference(twins, activations) },
      ...(await compareOps(twins, 0, PROMPT_ROWS, random)),
      ...(await compareOps(twins, PROMPT_ROWS, 1, random)),
      ...(await compareRouting(twins, random)),
    ];
    for (const { what, difference } of found) {
      const twiceRounded = activations === "int8" && what.startsWith("combine");
      findings.push({
        what: `${shape.name}: ${what}`,
        difference,
        ...(twiceRounded && { tolerance: ROUNDED_EXPERTS_TOLERANCE }),
      });
    }
    twins.dispose();
  }
  return findings;
}

const profileDifference = ({ gpu, wasm }: Twins, activations: Activations): number =>
  [gpu, wasm].every(({ numerics }) => numerics.activations === activations) ? 0 : 1;

/** Every shape, or those whose experts are of the given types. */
export function compareTwins(
  constraints: DeviceConstraints,
  types: readonly QuantName[] = SHAPES.map(({ expertType }) => expertType),
): Promise<Finding[]> {
  const shapes = SHAPES.filter(({ expertType }) => types.includes(expertType));
  return compareShapes(shapes, constraints, "f32");
}

/** Every encoding that is multiplied with rounded activations on WebGPU. */
const ROUNDED_SHAPES: readonly NamedShape[] = [
  { name: "q8_0 and q4_0", trunkType: "q8_0", expertType: "q4_0" },
  {
    name: "q4_k",
    trunkType: "q4_k",
    expertType: "q4_k",
    hiddenSize: 256,
    headCount: 4,
    headDim: 64,
    rope: { pairing: "norm", dimension: 64, freqBase: 10_000 },
    expertHiddenSize: 256,
  },
];

export function compareRoundedTwins(constraints: DeviceConstraints): Promise<Finding[]> {
  return compareShapes(ROUNDED_SHAPES, constraints, "int8");
}
