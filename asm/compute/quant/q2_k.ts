// Q2_K: d·s·q - dmin·t, blocks of 256. Element 128n + 32j + l is bits 2j of byte 32n + l; each 16 elements have a
// byte, s in its low and t in its high nibble.
import { lowPairs, nextPairs, storeShifted, TOP } from "./bytes";
import { scaleOf } from "./f16";
import { SUPER_BLOCK } from "./types";

export function unpackQ2K(qs: usize, scales: usize, dm: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; dm += 4) {
    const d = scaleOf(dm) * TOP;
    const dmin = scaleOf(dm + 2);
    for (const blockEnd = out + (SUPER_BLOCK << 2); out < blockEnd; qs += 32) {
      let first = v128.load(qs);
      let second = v128.load(qs, 16);
      for (let j = 0; j < 4; j++, scales += 2, out += 128) {
        let pair = <u32>load<u8>(scales);
        storeShifted(lowPairs(first), d * <f32>(pair & 15), -(dmin * <f32>(pair >> 4)), out);
        pair = <u32>load<u8>(scales, 1);
        storeShifted(lowPairs(second), d * <f32>(pair & 15), -(dmin * <f32>(pair >> 4)), out + 64);
        first = nextPairs(first);
        second = nextPairs(second);
      }
    }
  }
}

// As codes (int8/units.ts), in groups of 16.
export function codesQ2K(
  qs: usize,
  scales: usize,
  dm: usize,
  cols: usize,
  codes: usize,
  out: usize,
  minima: usize,
): void {
  for (const end = codes + cols; codes < end; dm += 4) {
    const d = scaleOf(dm);
    const dmin = scaleOf(dm + 2);
    for (const blockEnd = codes + SUPER_BLOCK; codes < blockEnd; qs += 32) {
      let first = v128.load(qs);
      let second = v128.load(qs, 16);
      for (let j = 0; j < 4; j++, scales += 2, codes += 32, out += 8, minima += 8) {
        v128.store(codes, lowPairs(first));
        v128.store(codes, lowPairs(second), 16);
        let pair = <u32>load<u8>(scales);
        store<f32>(out, d * <f32>(pair & 15));
        store<f32>(minima, -(dmin * <f32>(pair >> 4)));
        pair = <u32>load<u8>(scales, 1);
        store<f32>(out, d * <f32>(pair & 15), 4);
        store<f32>(minima, -(dmin * <f32>(pair >> 4)), 4);
        first = nextPairs(first);
        second = nextPairs(second);
      }
    }
  }
}
