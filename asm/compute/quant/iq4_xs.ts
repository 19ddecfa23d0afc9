// IQ4_XS: d·(s - 32)·level[q], blocks of 256: eight times 32 elements as in IQ4_NL, each with a 6-bit s. The heads
// plane holds, per block, d, two high bits of every s (16 bits) and four low bits of every s (32 bits).
import { addUnit, sumAcross } from "../int8/dot";
import { vectorBytes } from "../int8/units";
import { highNibbles, lowNibbles, storeScaled, TOP } from "./bytes";
import { scaleOf, splatScale } from "./f16";
import { iq4Levels, iq4Table, levelSums } from "./iq4_nl";
import { BLOCK, SUPER_BLOCK } from "./types";

export function unpackIQ4XS(qs: usize, heads: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; heads += 8) {
    const d = scaleOf(heads) * TOP;
    let high = <u32>load<u16>(heads, 2);
    let low = load<u32>(heads, 4);
    for (const blockEnd = out + (SUPER_BLOCK << 2); out < blockEnd; out += BLOCK << 2, qs += 16) {
      const bytes = v128.load(qs);
      const scale = d * <f32>(<i32>((low & 15) | ((high & 3) << 4)) - 32);
      storeScaled(iq4Levels(lowNibbles(bytes)), scale, out);
      storeScaled(iq4Levels(highNibbles(bytes)), scale, out + 64);
      low >>= 4;
      high >>= 2;
    }
  }
}

// As codes (int8/units.ts): the levels.
export function codesIQ4XS(qs: usize, heads: usize, cols: usize, codes: usize, scales: usize): void {
  for (const end = codes + cols; codes < end; heads += 8) {
    const d = scaleOf(heads);
    let high = <u32>load<u16>(heads, 2);
    let low = load<u32>(heads, 4);
    for (const blockEnd = codes + SUPER_BLOCK; codes < blockEnd; codes += BLOCK, qs += 16, scales += 4) {
      const bytes = v128.load(qs);
      v128.store(codes, iq4Levels(lowNibbles(bytes)));
      v128.store(codes, iq4Levels(highNibbles(bytes)), 16);
      store<f32>(scales, d * <f32>(<i32>((low & 15) | ((high & 3) << 4)) - 32));
      low >>= 4;
      high >>= 2;
    }
  }
}

// s - 32 of four groups: the low four bits in the first four nibbles, the high two in the first four pairs. A product
// brings each group's bits to the same place of a lane.
function fourScales(nibbles: u32, pairs: u32): v128 {
  const low = i32x4.mul(i32x4.splat(nibbles & 0xffff), i32x4(4096, 256, 16, 1));
  const high = i32x4.mul(i32x4.splat(pairs & 0xff), i32x4(64, 16, 4, 1));
  const s = v128.or(
    v128.and(i32x4.shr_u(low, 12), i32x4.splat(15)),
    v128.and(i32x4.shr_u(high, 2), i32x4.splat(48)),
  );
  return f32x4.convert_i32x4_s(i32x4.sub(s, i32x4.splat(32)));
}

// Lanes of a row's product with one quantised row of x, over `blocks` blocks, of two units each (int8/units.ts).
export function rowIQ4XS(qs: usize, heads: usize, blocks: usize, x: usize): v128 {
  const levels = iq4Table();
  const tail = 8 * vectorBytes<i8>();
  let sum = f32x4.splat(0);
  for (; blocks > 0; blocks--, qs += 128, heads += 8) {
    const d = splatScale(heads);
    const pairs = <u32>load<u16>(heads, 2);
    const nibbles = load<u32>(heads, 4);
    let sums = sumAcross(
      levelSums(levels, v128.load(qs), x),
      levelSums(levels, v128.load(qs, 16), x + 2 * vectorBytes<i8>()),
      levelSums(levels, v128.load(qs, 32), x + 4 * vectorBytes<i8>()),
      levelSums(levels, v128.load(qs, 48), x + 6 * vectorBytes<i8>()),
    );
    sum = addUnit<i8>(sum, sums, f32x4.mul(d, fourScales(nibbles, pairs)), sum, x + tail);
    x += tail + 32;
    sums = sumAcross(
      levelSums(levels, v128.load(qs, 64), x),
      levelSums(levels, v128.load(qs, 80), x + 2 * vectorBytes<i8>()),
      levelSums(levels, v128.load(qs, 96), x + 4 * vectorBytes<i8>()),
      levelSums(levels, v128.load(qs, 112), x + 6 * vectorBytes<i8>()),
    );
    sum = addUnit<i8>(sum, sums, f32x4.mul(d, fourScales(nibbles >> 16, pairs >> 8)), sum, x + tail);
    x += tail + 32;
  }
  return sum;
}
