import { describe, expect, it } from "vitest";
import { decode, encode, fromHalf, toHalf } from "./quantize.mjs";
import { randomStream } from "./random.mjs";

const SIZE = 32 * 64;
const random = randomStream(7, "quantize");
const values = Float32Array.from({ length: SIZE }, () => random.normal() * 0.1);

/** Blocks of 32 of `array`. */
const blocks = (array: Float32Array): Float32Array[] =>
  Array.from({ length: array.length / 32 }, (_, i) => array.subarray(i * 32, i * 32 + 32));

describe("half precision", () => {
  it("gives back every finite half-precision number", () => {
    for (let half = 0; half < 0x10000; half++) {
      if ((half & 0x7c00) !== 0x7c00) expect(toHalf(fromHalf(half))).toBe(half);
    }
  });

  it("rounds halfway cases to the even neighbour, in normal and subnormal range", () => {
    for (const half of [0x0000, 0x0001, 0x0002, 0x03ff, 0x0400, 0x3bff, 0x3c00, 0x3c01, 0x7bfe]) {
      const middle = (fromHalf(half) + fromHalf(half + 1)) / 2;
      expect(toHalf(middle)).toBe(half % 2 === 0 ? half : half + 1);
      expect(toHalf(-middle)).toBe(0x8000 | (half % 2 === 0 ? half : half + 1));
    }
  });

  it("overflows to infinity from halfway above the largest number, and keeps NaN", () => {
    expect([toHalf(65519), toHalf(65520), toHalf(-1e30)]).toEqual([0x7bff, 0x7c00, 0xfc00]);
    expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
  });
});

describe("q8_0", () => {
  it("stores a block as scale = largest / 127 and signed bytes", () => {
    const block = Float32Array.from({ length: 32 }, (_, i) => (i === 5 ? -127 : i));
    const bytes = encode("q8_0", block);
    const view = new DataView(bytes.buffer);
    expect(bytes.length).toBe(34);
    expect(fromHalf(view.getUint16(0, true))).toBe(1);
    expect(Array.from(block, (_, i) => view.getInt8(2 + i))).toEqual([...block]);
  });

  it("comes back within half a step and a rounded scale", () => {
    const back = blocks(decode("q8_0", encode("q8_0", values), SIZE));
    for (const [i, block] of blocks(values).entries()) {
      const step = Math.max(...block.map(Math.abs)) / 127;
      for (const [j, value] of block.entries()) {
        expect(Math.abs((back[i]?.[j] ?? Number.NaN) - value)).toBeLessThanOrEqual(step * (0.5 + 127 / 2048));
      }
    }
  });
});

describe("q4_0", () => {
  it("stores elements 0–15 in low and 16–31 in high nibbles, the extreme as level 0", () => {
    const block = Float32Array.from({ length: 32 }, (_, i) => (i % 16) - 8);
    const bytes = encode("q4_0", block);
    expect(bytes.length).toBe(18);
    expect(fromHalf(new DataView(bytes.buffer).getUint16(0, true))).toBe(1);
    expect([...bytes.subarray(2)]).toEqual(Array.from({ length: 16 }, (_, i) => i | (i << 4)));
  });

  it("comes back within one step, and exactly on a second trip", () => {
    const once = decode("q4_0", encode("q4_0", values), SIZE);
    for (const [i, block] of blocks(values).entries()) {
      const step = Math.max(...block.map(Math.abs)) / 8;
      for (const [j, value] of block.entries()) {
        expect(Math.abs((once[i * 32 + j] ?? Number.NaN) - value)).toBeLessThanOrEqual(step * 1.01);
      }
    }
    expect(decode("q4_0", encode("q4_0", once), SIZE)).toEqual(once);
  });
});

it("a block of zeros stays zero in every encoding", () => {
  for (const type of ["f32", "f16", "q8_0", "q4_0"] as const) {
    expect(decode(type, encode(type, new Float32Array(32)), 32).every((value) => value === 0)).toBe(true);
  }
});
