import { beforeAll, expect, test } from "vitest";
import { loadCore } from "./core.testing.ts";
import type { Core } from "./core.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

const MASK = (1n << 64n) - 1n;
const [P1, P2, P3, P4, P5] = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
];

/** XXH64 in unbounded integers, seed 0. */
function xxh64(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const multiply = (a: bigint, b: bigint) => (a * b) & MASK;
  const rotate = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & MASK;
  const round = (acc: bigint, lane: bigint) => multiply(rotate((acc + multiply(lane, P2)) & MASK, 31n), P1);
  let at = 0;
  let hash = P5;
  if (bytes.length >= 32) {
    let lanes = [(P1 + P2) & MASK, P2, 0n, -P1 & MASK];
    for (; at + 32 <= bytes.length; at += 32) {
      lanes = lanes.map((lane, i) => round(lane, view.getBigUint64(at + i * 8, true)));
    }
    hash = lanes.reduce((sum, lane, i) => (sum + rotate(lane, [1n, 7n, 12n, 18n][i]!)) & MASK, 0n);
    for (const lane of lanes) hash = (multiply(hash ^ round(0n, lane), P1) + P4) & MASK;
  }
  hash = (hash + BigInt(bytes.length)) & MASK;
  for (; at + 8 <= bytes.length; at += 8) {
    hash = (multiply(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n), P1) + P4) & MASK;
  }
  if (at + 4 <= bytes.length) {
    hash = (multiply(rotate(hash ^ multiply(BigInt(view.getUint32(at, true)), P1), 23n), P2) + P3) & MASK;
    at += 4;
  }
  for (; at < bytes.length; at++) hash = multiply(rotate(hash ^ multiply(BigInt(bytes[at]!), P5), 11n), P1);
  hash = multiply(hash ^ (hash >> 33n), P2);
  hash = multiply(hash ^ (hash >> 29n), P3);
  return (hash ^ (hash >> 32n)).toString(16).padStart(16, "0");
}

test("the checksum of known strings is their published XXH64", () => {
  const of = (text: string) => core.checksum(new TextEncoder().encode(text));
  expect(of("")).toBe("ef46db3751d8e999");
  expect(of("abc")).toBe("44bc2cf5ad770999");
});

test("the checksum of every length up to 200 bytes is that of the specification, also from an odd offset", () => {
  const bytes = Uint8Array.from({ length: 203 }, (_, i) => (i * 167 + (i >> 3)) & 255);
  for (let length = 0; length <= 200; length++) {
    const part = bytes.subarray(length % 4, (length % 4) + length);
    expect(core.checksum(part)).toBe(xxh64(part));
  }
});

test("a large array grows the memory and is hashed whole", () => {
  const bytes = new Uint8Array(3_000_001).map((_, i) => i & 255);
  const first = core.checksum(bytes);
  bytes[3_000_000]! ^= 1;
  expect(core.checksum(bytes)).not.toBe(first);
});
