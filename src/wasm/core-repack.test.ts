import { beforeAll, expect, test } from "vitest";
import coreUrl from "../../asm/core/index.ts?asc";
import { packedLayout, QUANT_TYPES } from "../model/quantization.ts";
import { compileWasmFile } from "./compile-node.ts";
import { type Core, instantiateCore } from "./core.ts";

let core: Core;
beforeAll(async () => {
  core = await instantiateCore(await compileWasmFile(coreUrl));
});

const f16 = (bits: number): number[] => [bits & 255, bits >> 8];
const ONE = f16(0x3c00);

/** Blocks whose scale bits are `scales` and whose quants count upwards through the matrix. */
function fileBlocks(scales: readonly number[], quantBytes: number): Uint8Array {
  return Uint8Array.from(
    scales.flatMap((bits, block) => [
      ...f16(bits),
      ...Array.from({ length: quantBytes }, (_, i) => (block * quantBytes + i * 7) & 255),
    ]),
  );
}

test.each(["q8_0", "q4_0"] as const)(
  "%s blocks come apart into a plane of quants and one of scales",
  (type) => {
    const [rows, cols] = [3, 96];
    const scales = Array.from({ length: 9 }, (_, i) => 0x3c00 + i);
    const quantBytes = QUANT_TYPES[type].planes[0]!;
    const packed = core.repack(type, fileBlocks(scales, quantBytes), rows, cols);
    const { planes, byteLength } = packedLayout(type, rows, cols);
    expect(packed.length).toBe(byteLength);
    const quants = packed.subarray(0, 9 * quantBytes);
    expect([...quants]).toEqual(
      Array.from({ length: 9 * quantBytes }, (_, i) => {
        const block = Math.floor(i / quantBytes);
        return (block * quantBytes + (i % quantBytes) * 7) & 255;
      }),
    );
    const scalePlane = planes[1]!.offset;
    expect([...packed.subarray(scalePlane, scalePlane + 18)]).toEqual(scales.flatMap(f16));
    expect([...packed.subarray(scalePlane + 18)]).toEqual(new Array(byteLength - scalePlane - 18).fill(0));
  },
);

test("f16 and f32 elements stay as they are, padded with zeros", () => {
  core.checksum(new Uint8Array(256).fill(255));
  const halves = Uint8Array.from([...ONE, ...f16(0xbc00), ...f16(0x7bff)]);
  expect([...core.repack("f16", halves, 1, 3)]).toEqual([...halves, ...new Array(10).fill(0)]);
  const floats = new Float32Array([1, -2, 3.4e38, 1e-40, 0]);
  const packed = core.repack("f32", new Uint8Array(floats.buffer), 1, 5);
  expect([...new Float32Array(packed.buffer)]).toEqual([...floats, 0, 0, 0]);
});

test("a scale that is not finite is bad-gguf and names its block", () => {
  for (const bits of [0x7c00, 0xfc00, 0x7e01]) {
    const scales = [0x3c00, 0x3c00, 0x3c00, 0x3c00, bits, 0x3c00];
    for (const type of ["q8_0", "q4_0"] as const) {
      const bytes = fileBlocks(scales, QUANT_TYPES[type].planes[0]!);
      expect(() => core.repack(type, bytes, 3, 64)).toThrow(
        expect.objectContaining({ code: "bad-gguf", message: expect.stringMatching(/block 4 \(row 2\)/) }),
      );
    }
  }
});

test("an element that is not finite is bad-gguf and names its index, wherever it stands", () => {
  for (const at of [0, 3, 7, 8, 18]) {
    const floats = new Float32Array(19).fill(1);
    floats[at] = at % 2 ? Number.NaN : -Infinity;
    const halves = Uint8Array.from(Array.from(floats, (v) => f16(v === 1 ? 0x3c00 : 0xfc00)).flat());
    for (const [type, bytes] of [
      ["f32", new Uint8Array(floats.buffer)],
      ["f16", halves],
    ] as const) {
      expect(() => core.repack(type, bytes, 1, 19)).toThrow(
        expect.objectContaining({ code: "bad-gguf", message: expect.stringContaining(`element ${at} `) }),
      );
    }
  }
});

test("bytes that are not a matrix of the given shape are refused", () => {
  const refused = expect.objectContaining({ code: "invalid-argument" });
  expect(() => core.repack("q8_0", new Uint8Array(34), 1, 33)).toThrow(refused);
  expect(() => core.repack("q8_0", new Uint8Array(67), 2, 32)).toThrow(refused);
});
