/** What ops may do besides what a Qwen3 layer does (biases, scales, norms of rows, …), against float64. */
import {
  findOp,
  type PlanWeights,
  randomWeights,
  tinyPlan,
  valueId,
} from "../../src/backend/testing/plans.ts";
import { linear, rope } from "../../src/backend/testing/references.ts";
import { createRandom, randomFloats } from "../../src/backend/testing/tensors.ts";
import type { DeviceConstraints } from "../../src/backend/webgpu/index.ts";
import type { ForwardPlan, Op, RopeSpec, TensorSpec } from "../../src/model/plan.ts";
import { type Finding, fill, gpuBackend, relativeDifference } from "./harness.ts";

const ROWS = 11;
const POSITION = 90;
const EPS = 1e-6;
const ROPE: RopeSpec = {
  pairing: "neox",
  dimension: 32,
  freqBase: 10_000,
  freqScale: 0.25,
  factors: "rope_freqs.weight",
};

/** The tiny decoder with every optional part of its ops in use. */
function richPlan(): ForwardPlan {
  const plan = tinyPlan({ layerCount: 1, qkNorm: false });
  const { hiddenSize, headCount, kvHeadCount, headDim } = plan.hyperparameters;
  const q = headCount * headDim;
  const kv = kvHeadCount * headDim;
  const trunk: TensorSpec[] = [...plan.trunk];
  const vector = (name: string, cols: number): string => {
    trunk.push({ name, rows: 1, cols, type: "f32" });
    return name;
  };
  const values = [
    ...plan.values,
    { name: "shared", width: hiddenSize, rows: "batch", kind: "scratch" },
    { name: "gated", width: (q + 2 * kv) / 2, rows: "batch", kind: "scratch" },
  ] as const;
  const enrich = (op: Op): Op[] => {
    switch (op.kind) {
      case "linear":
        if (op.weights.length === 3) {
          const biases = [vector("q.bias", q), vector("k.bias", kv), vector("v.bias", kv)];
          const gated: Op = {
            kind: "gated-activation",
            x: op.out,
            activation: "silu",
            out: values.length - 1,
          };
          return [{ ...op, biases }, gated];
        }
        return [
          op.residual === undefined ? op : { ...op, biases: [vector("o.bias", hiddenSize)], scale: 0.22 },
        ];
      case "rope-cache":
        vector("rope_freqs.weight", ROPE.dimension / 2);
        return [
          {
            ...op,
            rope: ROPE,
            normSpan: "row",
            eps: EPS,
            qNorm: vector("q.norm", q),
            kNorm: vector("k.norm", kv),
          },
        ];
      case "combine":
        return [{ ...op, shared: values.length - 2, scale: 0.22 }];
      default:
        return [op];
    }
  };
  const layers = plan.layers.map((layer) => ({ ...layer, ops: layer.ops.flatMap(enrich) }));
  const prologue = plan.prologue.map((op) => (op.kind === "embed" ? { ...op, scale: 12 } : op));
  return { ...plan, trunk, values, layers, prologue };
}

/** concat(W·x + b) of the op, `[ROWS, out width]`. */
function expectedLinear(
  weights: PlanWeights,
  names: readonly string[],
  biases: readonly string[],
  x: Float32Array,
): number[] {
  const parts = names.map((name, i) => {
    const matrix = weights.trunk.get(name)!;
    const bias = weights.trunk.get(biases[i]!)!.values;
    return {
      rows: matrix.rows,
      values: linear(x, matrix).values.map((value, at) => value + bias[at % matrix.rows]!),
    };
  });
  return Array.from({ length: ROWS }, (_, row) =>
    parts.flatMap(({ rows, values }) => [...values.subarray(row * rows, (row + 1) * rows)]),
  ).flat();
}

/** q of every row: normalised as one row, then each head turned. */
function expectedQueries(plan: ForwardPlan, weights: PlanWeights, qkv: Float32Array): number[] {
  const { headCount, kvHeadCount, headDim } = plan.hyperparameters;
  const width = headCount * headDim;
  const weight = weights.trunk.get("q.norm")!.values;
  const factors = weights.trunk.get(ROPE.factors!)!.values;
  return Array.from({ length: ROWS }, (_, row) => {
    const start = row * (headCount + 2 * kvHeadCount) * headDim;
    const q = qkv.subarray(start, start + width);
    const norm = Math.sqrt(q.reduce((sum, value) => sum + value * value, 0) / width + EPS);
    const normed = Array.from(q, (value, i) => (value / norm) * weight[i]!);
    return Array.from({ length: headCount }, (_, head) => {
      const own = normed.slice(head * headDim, (head + 1) * headDim);
      return [...rope(own, POSITION + row, ROPE, factors)];
    }).flat();
  }).flat();
}

export async function checkOptions(constraints: DeviceConstraints): Promise<Finding[]> {
  const plan = richPlan();
  const weights = randomWeights(plan, 9);
  const gpu = await gpuBackend(plan, constraints);
  await fill(gpu, plan, weights);
  const random = createRandom(4);
  const { vocabSize, hiddenSize, expertsPerToken } = plan.hyperparameters;
  const tokens = Uint32Array.from({ length: ROWS }, () => Math.floor(random() * vocabSize));
  await gpu.beginPass({ phase: "prefill", position: POSITION, tokens });
  const findings: Finding[] = [];
  const input = (name: string): Float32Array => {
    const id = valueId(plan, name);
    const data = randomFloats(random, ROWS * plan.values[id]!.width);
    gpu.writeValue(id, data);
    return data;
  };
  const compare = async (
    op: Exclude<Op, { kind: "route" | "experts" }>,
    what: string,
    expected: ArrayLike<number>,
  ) => {
    gpu.run(op);
    const { value } = await gpu.submit({ value: op.out });
    findings.push({ what, difference: relativeDifference(value!, Float32Array.from(expected)) });
  };

  const embed = findOp(plan, "embed");
  const table = weights.trunk.get(embed.weight)!.values;
  const embedded = [...tokens].flatMap((id) => [...table.subarray(id * hiddenSize, (id + 1) * hiddenSize)]);
  await compare(
    embed,
    "an embedding times a scale",
    embedded.map((value) => 12 * value),
  );

  const qkv = findOp(plan, "linear");
  const qkvInput = input("layer0.normed");
  await compare(
    qkv,
    "a stack of weights with biases",
    expectedLinear(weights, qkv.weights, qkv.biases!, qkvInput),
  );

  const gated = findOp(plan, "gated-activation");
  const halves = input("layer0.qkv");
  const width = plan.values[gated.out]!.width;
  await compare(
    gated,
    "a gated activation",
    Array.from({ length: ROWS * width }, (_, i) => {
      const at = Math.floor(i / width) * 2 * width + (i % width);
      return (halves[at]! / (1 + Math.exp(-halves[at]!))) * halves[at + width]!;
    }),
  );
  const extremes = halves.map((value, i) => (i % 2 === 0 ? value * 1e4 : value));
  gpu.writeValue(gated.x, extremes);
  gpu.run(gated);
  const { value: far } = await gpu.submit({ value: gated.out });
  findings.push({ what: "silu stays finite far out", difference: far!.every(Number.isFinite) ? 0 : 1 });

  await compare(
    findOp(plan, "rope-cache"),
    "q normalised as a row, with scaled and divided frequencies",
    expectedQueries(plan, weights, input("layer0.qkv")),
  );

  const out = plan.layers[0]!.ops.filter((op) => op.kind === "linear")[1]!;
  const [attended, residual] = [input("layer0.attended"), input("layer0.input")];
  const projected = expectedLinear(weights, out.weights, out.biases!, attended);
  await compare(
    out,
    "a scaled linear with bias and residual",
    projected.map((value, i) => residual[i]! + 0.22 * value),
  );

  const route = findOp(plan, "route");
  const decisions = {
    ids: new Uint32Array(ROWS * expertsPerToken),
    weights: new Float32Array(ROWS * expertsPerToken),
  };
  gpu.setDecisions(route, decisions);
  const [base, shared] = [input("layer0.residual"), input("shared")];
  await compare(
    findOp(plan, "combine"),
    "combine with a scaled shared expert and routed experts of no weight",
    base.map((value, i) => value + 0.22 * shared[i]!),
  );
  gpu.dispose();
  return findings;
}
