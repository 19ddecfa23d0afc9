import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { decode, encodedBytes, typeOf } from "../../src/backend/testing/quant/codecs.mjs";
import { readGguf } from "./gguf-reader.mjs";
import { makeModel } from "./index.mjs";
import { writeTwin } from "./twin.mjs";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webmoe-make-model-"));
});
afterAll(() => rm(folder, { recursive: true }));

const make = (name: string, seed: number) =>
  makeModel({ shape: "b", type: "q4_0", seed, out: join(folder, name) });

it("the same seed gives the same bytes, on every platform", async () => {
  const { sha256 } = await make("one.gguf", 1);
  expect(sha256).toBe("2d663ecf6095b7a6994c0464b261c04754d547148b31914e37f8ab2a1fdf4935");
  expect((await make("two.gguf", 2)).sha256).not.toBe(sha256);
});

it("pooled weights are as wide as others, and the same for the same seed", async () => {
  const weights = async (pooled: boolean) => {
    const out = join(folder, `pooled-${pooled}.gguf`);
    await makeModel({ shape: "k", type: "q8_0", seed: 1, pooled, out });
    const { bytes, tensors } = await readGguf(out);
    const { ggmlType, offset, elementCount } = tensors.find(
      ({ name }) => name === "blk.1.ffn_up_exps.weight",
    )!;
    const type = typeOf(ggmlType);
    return decode(type, bytes.subarray(offset, offset + encodedBytes(type, elementCount)), elementCount);
  };
  const deviation = (values: Float32Array) =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  const [pooled, again, plain] = [await weights(true), await weights(true), await weights(false)];
  expect(again).toEqual(pooled);
  expect(deviation(pooled)).toBeCloseTo(deviation(plain), 3);
  const rows = new Set(
    Array.from({ length: 8 * 256 }, (_, i) => pooled.slice(i * 256, (i + 1) * 256).join()),
  );
  expect(rows.size).toBeGreaterThan(800);
});

it("a twin holds the dequantised weights of the same tensors", async () => {
  const [path, twinPath] = [join(folder, "q.gguf"), join(folder, "twin.gguf")];
  await makeModel({ shape: "b", type: "q4_0", seed: 3, out: path });
  await writeTwin(path, twinPath);
  const [model, twin] = [await readGguf(path), await readGguf(twinPath)];
  expect(twin.tensors.map(({ name, shape }) => ({ name, shape }))).toEqual(
    model.tensors.map(({ name, shape }) => ({ name, shape })),
  );
  expect(twin.tensors.every(({ ggmlType }) => ggmlType === 0)).toBe(true);
  const read = ({ bytes, tensors }: typeof model, name: string): Float32Array => {
    const tensor = tensors.find((candidate) => candidate.name === name)!;
    const type = typeOf(tensor.ggmlType);
    const end = tensor.offset + encodedBytes(type, tensor.elementCount);
    return decode(type, bytes.subarray(tensor.offset, end), tensor.elementCount);
  };
  for (const name of ["token_embd.weight", "blk.2.ffn_down_exps.weight", "output_norm.weight"]) {
    expect(read(twin, name)).toEqual(read(model, name));
  }
  expect((await readFile(twinPath)).subarray(0, 4).toString()).toBe("GGUF");
});

/** Type by tensor of a model of shape `shape`. */
async function typesOf(recipe: Parameters<typeof makeModel>[0]): Promise<Map<string, string>> {
  await makeModel(recipe);
  const { tensors } = await readGguf(recipe.out);
  return new Map(tensors.map(({ name, ggmlType }) => [name, typeOf(ggmlType)]));
}

it("q4_k_m stores what loses most as q6_k, in the layers llama.cpp picks, and the rest as q4_k", async () => {
  const out = join(folder, "mix.gguf");
  const types = await typesOf({ arch: "llama", dense: true, shape: "k", type: "q4_k_m", seed: 1, out });
  const at = (type: string) =>
    [...types].filter(([, stored]) => stored === type).map(([name]) => name.replace(".weight", ""));
  expect(at("q6_k")).toEqual(["blk.2.attn_v", "blk.2.ffn_down", "blk.3.attn_v", "blk.3.ffn_down", "output"]);
  expect(at("q4_k")).toHaveLength(4 * 7 + 1 - 4);
  expect(at("f32")).toHaveLength(4 * 2 + 1);
});

it("K-quants of rows that are not whole blocks fall back as llama.cpp's do; routers stay f32", async () => {
  const out = join(folder, "fallback.gguf");
  const types = await typesOf({ arch: "granitemoe", shape: "b", type: "q4_k", seed: 1, out });
  expect(types.get("blk.0.ffn_down_exps.weight")).toBe("q5_0");
  expect(types.get("blk.0.ffn_down_shexp.weight")).toBe("q5_0");
  expect(types.get("blk.0.ffn_gate_inp.weight")).toBe("f32");
});

it("architectures have their own tensors and heads", async () => {
  const shapes = async (arch: string, more = {}) => {
    const out = join(folder, `${arch}.gguf`);
    await makeModel({ arch, shape: "b", type: "q8_0", seed: 1, out, ...more });
    return new Map((await readGguf(out)).tensors.map(({ name, shape }) => [name, shape]));
  };
  const qwen2 = await shapes("qwen2");
  expect(qwen2.get("blk.0.attn_q.bias")).toEqual([192]);
  expect(qwen2.get("blk.0.ffn_down.weight")).toEqual([352, 192]);
  const olmoe = await shapes("olmoe");
  expect(olmoe.get("blk.0.attn_k_norm.weight")).toEqual([192]);
  expect(olmoe.get("output.weight")).toEqual([192, 2048]);
  const llama = await shapes("llama", { ropeFactors: true });
  expect(llama.get("rope_freqs.weight")).toEqual([12]);
  expect(llama.get("blk.0.ffn_up_exps.weight")).toEqual([192, 96, 12]);
});
