import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { WebMoEError } from "../api/errors.ts";
import { type GgufHeader, NeedMoreBytes, parseGguf } from "./gguf/parse.ts";
import { readGgufHeader } from "./gguf/read.ts";
import { describeModel } from "./model.ts";

const file = readFileSync(new URL("../../public/models/demo-moe-q4_k.gguf", import.meta.url));
let header: GgufHeader;

beforeAll(() => {
  header = parseGguf(file, file.length);
});

/** The error that `work` throws, which must be one of ours. */
function typedError(work: () => unknown): WebMoEError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(WebMoEError);
    return error as WebMoEError;
  }
  throw new Error("nothing was thrown");
}

/** The header with some metadata replaced (undefined removes a key) or tensors dropped. */
function altered(metadata: Record<string, number | string | undefined>, dropped: string[] = []): GgufHeader {
  const entries = new Map(header.metadata);
  for (const [key, value] of Object.entries(metadata))
    if (value === undefined) entries.delete(key);
    else entries.set(key, value);
  const tensors = new Map([...header.tensors].filter(([name]) => !dropped.includes(name)));
  return { ...header, metadata: entries, tensors };
}

test("the embedded model compiles to a plan whose sizes are those of its card", () => {
  const { plan, parameterCount, quantizations } = describeModel([header]);
  expect(plan.hyperparameters).toEqual({
    hiddenSize: 256,
    layerCount: 6,
    headCount: 8,
    kvHeadCount: 4,
    headDim: 32,
    vocabSize: 8192,
    contextLength: 1024,
    expertCount: 32,
    expertsPerToken: 4,
    expertHiddenSize: 128,
  });
  expect(parameterCount).toBe(22_204_032);
  expect(Object.keys(quantizations).sort()).toEqual(["f32", "q4_k", "q5_0", "q6_k"]);
  expect(plan.layers).toHaveLength(6);
  for (const layer of plan.layers) {
    const kinds = layer.ops.map((op) => op.kind);
    expect(kinds.slice(-3)).toEqual(["route", "experts", "combine"]);
    expect(layer.output).toBe(plan.layers[layer.index + 1]?.input ?? layer.output);
  }
});

test("only the header is read, in growing steps that keep what they have", async () => {
  const reads: [number, number][] = [];
  const read = await readGgufHeader({
    name: "demo",
    size: file.length,
    async read(offset, length) {
      reads.push([offset, length]);
      return file.subarray(offset, offset + length);
    },
  });
  expect(read.headerBytes).toBe(header.headerBytes);
  const total = reads.reduce((sum, [, length]) => sum + length, 0);
  expect(total).toBeLessThan(4 * header.headerBytes + 256 * 1024);
  reads.slice(1).forEach(([offset], i) => {
    expect(offset).toBe(reads[i]![0] + reads[i]![1]);
  });
});

test("what is missing or ill-shaped is named before any weight is read", () => {
  const cases: [GgufHeader, string, string][] = [
    [altered({ "general.architecture": "mamba" }), "unsupported-architecture", "mamba"],
    [altered({ "general.architecture": "constructor" }), "unsupported-architecture", "constructor"],
    [altered({ "qwen3moe.block_count": undefined }), "bad-gguf", "qwen3moe.block_count"],
    [altered({ "qwen3moe.block_count": 1e9 }), "bad-gguf", "qwen3moe.block_count"],
    [altered({ "qwen3moe.expert_used_count": 33 }), "bad-gguf", "qwen3moe.expert_used_count"],
    [altered({ "qwen3moe.embedding_length": 264 }), "bad-gguf", "token_embd.weight"],
    [altered({ "qwen3moe.attention.head_count_kv": 3 }), "bad-gguf", "key-value heads"],
    [
      altered({ "qwen3moe.attention.layer_norm_rms_epsilon": Number.NaN }),
      "bad-gguf",
      "layer_norm_rms_epsilon",
    ],
    [altered({ "qwen3moe.rope.scaling.type": "yarn" }), "unsupported-architecture", "rope.scaling.type"],
    [altered({ "split.count": 3 }), "bad-gguf", "3 files"],
    [altered({}, ["blk.3.ffn_up_exps.weight"]), "bad-gguf", "blk.3.ffn_up_exps.weight"],
  ];
  for (const [broken, code, named] of cases) {
    const error = typedError(() => describeModel([broken]));
    expect(error.code).toBe(code);
    expect(error.message).toContain(named);
  }
});

test("a split model is joined in any order, and a doubled or missing part is refused", () => {
  const part = (no: number): GgufHeader =>
    altered(
      { "split.no": no, "split.count": 2 },
      [...header.tensors.keys()].filter((_, i) => i % 2 !== no),
    );
  const { plan, file: joined } = describeModel([part(1), part(0)]);
  expect(plan.trunk.map((tensor) => tensor.name).sort()).toEqual(
    describeModel([header])
      .plan.trunk.map((tensor) => tensor.name)
      .sort(),
  );
  expect(joined.firstFile).toBe(1);
  expect(typedError(() => describeModel([part(0), part(0)])).code).toBe("bad-gguf");
  expect(typedError(() => describeModel([part(0)])).code).toBe("bad-gguf");
});

test("a truncated file is an error, and a header not yet whole asks for more", () => {
  for (const length of [0, 3, 4, 11, 23, 24, 100, 1000, 50_000, header.headerBytes - 40]) {
    expect(typedError(() => parseGguf(file.subarray(0, length), length)).code).toBe("bad-gguf");
    expect(() => parseGguf(file.subarray(0, length), file.length)).toThrow(NeedMoreBytes);
  }
  // The header is whole, the weights are not all there.
  const error = typedError(() => parseGguf(file.subarray(0, header.headerBytes), file.length - 1));
  expect(error.message).toContain("truncated");
});

test("no damaged header escapes as an untyped error or asks for absurd memory", () => {
  const end = header.headerBytes;
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const directory = end - header.tensors.size * 60;
  const damaged = new Uint8Array(file.subarray(0, end));
  let refused = 0;
  for (let round = 0; round < 400; round++) {
    const touched: [number, number][] = [];
    // The first keys and the tensor directory carry every kind of length, count, type and offset.
    for (let i = 0; i <= round % 4; i++) {
      const at = round % 2 ? random(3000) : directory + random(end - directory);
      touched.push([at, damaged[at]!]);
      damaged[at] = random(256);
    }
    try {
      describeModel([parseGguf(damaged, file.length)]);
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) expect(error).toBeInstanceOf(WebMoEError);
      refused++;
    }
    for (const [at, value] of touched.reverse()) damaged[at] = value;
  }
  expect(refused).toBeGreaterThan(100);
});
