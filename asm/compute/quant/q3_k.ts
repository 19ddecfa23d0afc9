// Q3_K: d·(s - 32)·(q - 4 + 4·h), blocks of 256. Element 128n + 32j + l has its q in bits 2j of byte 32n + l of qs, and
// h is bit 4n + j of byte l of hmask; each 16 elements have a 6-bit s.
import { bytesWith, lowPairs, nextPairs, storeScaled, TOP } from "./bytes";
import { scaleOf } from "./f16";
import { SUPER_BLOCK } from "./types";

// s - 32 of 16 elements: the low four bits of the i-th s are nibble i / 8 of byte i % 8, its high two are bits
// 2(i / 4) of byte 8 + i % 4.
function groupScale(scales: usize, i: u32): f32 {
  const low = (<u32>load<u8>(scales + (i & 7)) >> ((i >> 3) << 2)) & 15;
  const high = (<u32>load<u8>(scales + 8 + (i & 3)) >> ((i >> 2) << 1)) & 3;
  return <f32>(<i32>(low | (high << 4)) - 32);
}

// Three bits less 4: where h is not set, the upper six bits of the byte are.
function withThird(pairs: v128, hmask: v128, mask: i32): v128 {
  return v128.or(pairs, v128.andnot(i8x16.splat(-4), bytesWith(hmask, mask)));
}

export function unpackQ3K(
  qs: usize,
  hmask: usize,
  scales: usize,
  halves: usize,
  cols: usize,
  out: usize,
): void {
  for (const end = out + (cols << 2); out < end; hmask += 32, scales += 12, halves += 2) {
    const d = scaleOf(halves) * TOP;
    const firstMask = v128.load(hmask);
    const secondMask = v128.load(hmask, 16);
    let mask = 1;
    let group = 0;
    for (const blockEnd = out + (SUPER_BLOCK << 2); out < blockEnd; qs += 32) {
      let first = v128.load(qs);
      let second = v128.load(qs, 16);
      for (let j = 0; j < 4; j++, mask <<= 1, group += 2, out += 128) {
        storeScaled(withThird(lowPairs(first), firstMask, mask), d * groupScale(scales, group), out);
        storeScaled(
          withThird(lowPairs(second), secondMask, mask),
          d * groupScale(scales, group + 1),
          out + 64,
        );
        first = nextPairs(first);
        second = nextPairs(second);
      }
    }
  }
}

// As codes (int8/units.ts), in groups of 16: the three bits, of which 4 is taken by the minimum.
export function codesQ3K(
  qs: usize,
  hmask: usize,
  scales: usize,
  halves: usize,
  cols: usize,
  codes: usize,
  out: usize,
  minima: usize,
): void {
  const third = i8x16.splat(4);
  for (const end = codes + cols; codes < end; hmask += 32, scales += 12, halves += 2) {
    const d = scaleOf(halves);
    const firstMask = v128.load(hmask);
    const secondMask = v128.load(hmask, 16);
    let mask = 1;
    let group = 0;
    for (const blockEnd = codes + SUPER_BLOCK; codes < blockEnd; qs += 32) {
      let first = v128.load(qs);
      let second = v128.load(qs, 16);
      for (let j = 0; j < 4; j++, mask <<= 1, codes += 32) {
        v128.store(codes, v128.or(lowPairs(first), v128.and(third, bytesWith(firstMask, mask))));
        v128.store(codes, v128.or(lowPairs(second), v128.and(third, bytesWith(secondMask, mask))), 16);
        for (let half = 0; half < 2; half++, group++, out += 4, minima += 4) {
          const scale = d * groupScale(scales, group);
          store<f32>(out, scale);
          store<f32>(minima, -4 * scale);
        }
        first = nextPairs(first);
        second = nextPairs(second);
      }
    }
  }
}
