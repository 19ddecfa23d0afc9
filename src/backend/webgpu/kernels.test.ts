import { describe, expect, it } from "vitest";
import { packedLayout, type QuantName } from "../../model/quantization.ts";
import type { RouterSpec } from "../../model/router-spec.ts";
import type { Kernel, Variants } from "./compose.ts";
import { DECODERS } from "./decoders.ts";
import {
  attentionBatchKernel,
  attentionKernel,
  attentionMergeKernel,
  combineKernel,
  combineNormKernel,
  embedKernel,
  gatedActivationKernel,
  type HeadTurn,
  halfProbe,
  int8Probe,
  type MatrixShape,
  rmsNormKernel,
  ropeCacheKernel,
  routeKernel,
  rowSpans,
  subgroupProbe,
} from "./kernels.ts";
import {
  type ExpertLinearShape,
  expertLinearKernel,
  gateUpKernel,
  lanesPerRow,
  linearGrid,
  linearKernel,
  type RecordShape,
} from "./products.ts";
import { drawKernel, penalizeKernel, topKKernel } from "./sampling-kernels.ts";

const PLAIN: Variants = { nativeHalf: false };
const FEATURED: Variants = { nativeHalf: true, subgroupLanes: 32 };
const TYPES = Object.keys(DECODERS) as QuantName[];
const HEADS = { headCount: 32, kvHeadCount: 4, headDim: 128 };
const ROPE = { pairing: "neox", dimension: 128, freqBase: 1e6 } as const;
const ROUTER: RouterSpec = {
  expertCount: 128,
  expertsPerToken: 8,
  score: "softmax",
  weights: "renormalized",
  scale: 1,
};

/** All ways that heads turn. */
const TURNS: readonly [HeadTurn, ...HeadTurn[]] = [
  { rope: ROPE, norm: { span: "head", eps: 1e-6 } },
  { rope: ROPE, norm: { span: "row", eps: 1e-6 } },
  { rope: { ...ROPE, pairing: "norm" }, norm: undefined },
];

const DOWN: ExpertLinearShape = { matrix: "down", entriesPerInput: 1, gates: false };
const GATE: ExpertLinearShape = { matrix: "gate", entriesPerInput: 8, gates: true };

function recordOf(type: QuantName): RecordShape {
  const gate: MatrixShape = { type, rows: 768, cols: 2048 };
  const down: MatrixShape = { type, rows: 2048, cols: 768 };
  const bytes = packedLayout(type, 768, 2048).byteLength;
  return {
    gate,
    up: gate,
    down,
    offsets: { gate: 0, up: bytes, down: 2 * bytes },
    byteLength: 3 * bytes,
    slotsPerPiece: 40,
  };
}

const linearOf = (type: QuantName, rows: "one" | "batch", residual: boolean) =>
  ({
    matrix: { type, rows: 2048, cols: 4096 },
    rows,
    residual,
    bias: residual,
    scale: 1,
    outWidth: 2048,
    outOffset: 0,
  }) as const;

/** Every kernel in every composition there is; dimensions are those of Qwen3-30B-A3B. */
function everyKernel(variants: Variants): Kernel[] {
  return [
    ...TYPES.flatMap((type) => [
      embedKernel(variants, { type, rows: 151_936, cols: 2048 }, 0, 1),
      ...(["one", "batch"] as const).flatMap((rows) =>
        [false, true].map((residual) => linearKernel(variants, linearOf(type, rows, residual))),
      ),
      ...[false, true].map((kept) =>
        linearKernel(variants, { ...linearOf(type, "one", false), norm: { eps: 1e-6, kept } }),
      ),
      ...(["row", "batch"] as const).flatMap((work) =>
        [1, 2, 3, 4].flatMap((pieces) => [
          gateUpKernel(variants, recordOf(type), work, pieces, 8),
          ...[DOWN, GATE].map((shape) => expertLinearKernel(variants, recordOf(type), shape, work, pieces)),
        ]),
      ),
    ]),
    rmsNormKernel(variants, 2048, 1e-6, "each"),
    rmsNormKernel(variants, 2048, 1e-6, "last"),
    ...TURNS.flatMap((turn) => [
      ropeCacheKernel(variants, HEADS, turn),
      attentionKernel(variants, HEADS, 0.125, turn),
    ]),
    attentionBatchKernel(variants, HEADS, 0.125),
    attentionMergeKernel(variants, HEADS),
    routeKernel(variants, ROUTER),
    ...[false, true].flatMap((shared) => {
      const shape = { width: 2048, expertsPerToken: 8, shared, scale: 0.5 };
      return [combineKernel(variants, shape), combineNormKernel(variants, shape, 1e-6)];
    }),
    gatedActivationKernel(variants, 5632),
    penalizeKernel(variants, 151_936),
    topKKernel(variants, 151_936),
    drawKernel(variants, 151_936),
    subgroupProbe(32),
    halfProbe(),
    int8Probe(),
  ];
}

const withoutComments = (text: string): string => text.replaceAll(/\/\/.*$/gm, "");
const matches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map((match) => match[1]!);

describe.each([
  ["plain WebGPU", PLAIN],
  ["all features", FEATURED],
  ["int8 activations", { ...FEATURED, int8: true }],
])("kernels for %s", (_, variants) => {
  it("declare every constant, function and binding they use, once", () => {
    for (const kernel of everyKernel(variants)) {
      const text = withoutComments(kernel.text);
      const declared = matches(text, /\b(?:const|fn|struct|var<[^>]*>) (\w+)/g);
      expect(new Set(declared).size, kernel.label).toBe(declared.length);
      const bindings = matches(text, /@binding\((\d+)\)/g);
      expect(new Set(bindings).size, kernel.label).toBe(bindings.length);
      const constants = matches(text, /\b([A-Z][A-Z0-9_]+)\b/g);
      expect(declared, kernel.label).toEqual(expect.arrayContaining(constants));
      const ours = matches(text, /\b([a-z]+_\w+)\(/g).filter((name) => name !== "workgroup_size");
      const attributes = /^(local_invocation_index|global_invocation_id|workgroup_id|num_workgroups)$/;
      expect(declared, kernel.label).toEqual(
        expect.arrayContaining(ours.filter((name) => !attributes.test(name))),
      );
    }
  });

  it("see no more buffers than any device allows", () => {
    for (const { label, text } of everyKernel(variants))
      expect(matches(withoutComments(text), /var<(storage)/g).length, label).toBeLessThanOrEqual(8);
  });
});

describe("the text of a kernel", () => {
  it.each([
    ["linear-q4_0-batch-residual", linearKernel(FEATURED, linearOf("q4_0", "batch", true))],
    [
      "linear-q8_0-one-normed",
      linearKernel(FEATURED, { ...linearOf("q8_0", "one", false), norm: { eps: 1e-6, kept: true } }),
    ],
    ["experts-gate-up-q8_0-row-3-pieces", gateUpKernel(PLAIN, recordOf("q8_0"), "row", 3, 8)],
    ["experts-linear-q4_k-batch-1-piece", expertLinearKernel(FEATURED, recordOf("q4_k"), DOWN, "batch", 1)],
    ["attention-one-normed", attentionKernel(PLAIN, HEADS, 0.125, TURNS[0])],
    ["route-softmax-renormalized", routeKernel(PLAIN, ROUTER)],
    ["sample-draw", drawKernel(PLAIN, 151_936)],
  ])("%s is what was reviewed", async (name, { text }) => {
    await expect(text).toMatchFileSnapshot(`golden/${name}.wgsl`);
  });
});

describe("dimensions of a dispatch", () => {
  it("gives a row as many lanes as waste the fewest loads", () => {
    expect([64, 24, 12, 5, 3].map(lanesPerRow)).toEqual([32, 8, 4, 8, 4]);
  });

  it("stays below the largest grid and covers every row of a large vocabulary", () => {
    const shape = {
      ...linearOf("f16", "one", false),
      matrix: { type: "f16", rows: 600_000, cols: 2048 },
    } as const;
    const units = Number(/UNITS: u32 = (\d+)u/.exec(linearKernel(PLAIN, shape).text)![1]);
    const perGroup = (64 / lanesPerRow(rowSpans(shape.matrix, false))) * units;
    const [x, y] = linearGrid(PLAIN, shape, 1);
    expect(x).toBeLessThanOrEqual(65_535);
    expect(x * y * perGroup).toBeGreaterThanOrEqual(600_000);
  });
});
