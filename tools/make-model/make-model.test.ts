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
