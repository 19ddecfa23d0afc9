// TQ2_0: d·(q - 1), blocks of 256. Element 128n + 32j + l is bits 2j of byte 32n + l.
import { lowPairs, nextPairs, storeScaled, TOP } from "./bytes";
import { scaleOf } from "./f16";
import { storeBlockScale } from "./tq1_0";
import { SUPER_BLOCK } from "./types";

function lessOne(pairs: v128): v128 {
  return i8x16.sub(pairs, i8x16.splat(1));
}

export function unpackTQ2_0(qs: usize, halves: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; halves += 2) {
    const d = scaleOf(halves) * TOP;
    for (const blockEnd = out + (SUPER_BLOCK << 2); out < blockEnd; qs += 32) {
      let first = v128.load(qs);
      let second = v128.load(qs, 16);
      for (let j = 0; j < 4; j++, out += 128) {
        storeScaled(lessOne(lowPairs(first)), d, out);
        storeScaled(lessOne(lowPairs(second)), d, out + 64);
        first = nextPairs(first);
        second = nextPairs(second);
      }
    }
  }
}

// As codes (int8/units.ts), the block's scale for each of its groups of 32.
export function codesTQ2_0(qs: usize, halves: usize, cols: usize, codes: usize, scales: usize): void {
  for (const end = codes + cols; codes < end; halves += 2, scales += 32) {
    storeBlockScale(halves, scales);
    for (const blockEnd = codes + SUPER_BLOCK; codes < blockEnd; qs += 32) {
      let first = v128.load(qs);
      let second = v128.load(qs, 16);
      for (let j = 0; j < 4; j++, codes += 32) {
        v128.store(codes, lessOne(lowPairs(first)));
        v128.store(codes, lessOne(lowPairs(second)), 16);
        first = nextPairs(first);
        second = nextPairs(second);
      }
    }
  }
}
