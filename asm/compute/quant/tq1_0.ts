// TQ1_0: d·(q - 1), blocks of 256 ternary digits. A byte is five of them as a fraction of 256, the first digit the
// highest: three times the byte has the digit above its eight bits and the rest below, and the rest is the byte of
// the next digit. Bytes 0 to 31 hold elements 32n + m, bytes 32 to 47 elements 160 + 16n + m, in both n the digit; qh
// holds elements 240 + 4n + m in four digits a byte.
import { storeScaled, TOP } from "./bytes";
import { scaleOf, splatScale } from "./f16";
import { SUPER_BLOCK } from "./types";

// The digits above 3·bytes, less 1: three times a byte reaches 256 from 86 on, and 512 from 171 on.
function digits(bytes: v128): v128 {
  const one = i8x16.ge_u(bytes, i8x16.splat(86));
  const two = i8x16.ge_u(bytes, i8x16.splat(<i8>171));
  return i8x16.sub(i8x16.sub(i8x16.splat(-1), one), two);
}
function nextDigits(bytes: v128): v128 {
  return i8x16.add(bytes, i8x16.add(bytes, bytes));
}

export function unpackTQ1_0(qs: usize, qh: usize, halves: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; out += SUPER_BLOCK << 2, qs += 48, qh += 4, halves += 2) {
    const d = scaleOf(halves) * TOP;
    let first = v128.load(qs);
    let second = v128.load(qs, 16);
    let third = v128.load(qs, 32);
    for (let n: usize = 0; n < 5; n++) {
      storeScaled(digits(first), d, out + n * 128);
      storeScaled(digits(second), d, out + n * 128 + 64);
      storeScaled(digits(third), d, out + 640 + n * 64);
      first = nextDigits(first);
      second = nextDigits(second);
      third = nextDigits(third);
    }
    const one = v128.load32_splat(qh);
    const two = nextDigits(one);
    const three = nextDigits(two);
    const four = nextDigits(three);
    const pairs = v128.shuffle<u32>(one, two, 0, 4, 0, 4);
    storeScaled(
      digits(v128.shuffle<u32>(pairs, v128.shuffle<u32>(three, four, 0, 4, 0, 4), 0, 1, 4, 5)),
      d,
      out + 960,
    );
  }
}

// As codes (int8/units.ts), the block's scale for each of its groups of 32.
export function codesTQ1_0(
  qs: usize,
  qh: usize,
  halves: usize,
  cols: usize,
  codes: usize,
  scales: usize,
): void {
  for (const end = codes + cols; codes < end; codes += SUPER_BLOCK, qs += 48, qh += 4, halves += 2) {
    let first = v128.load(qs);
    let second = v128.load(qs, 16);
    let third = v128.load(qs, 32);
    for (let n: usize = 0; n < 5; n++) {
      v128.store(codes + n * 32, digits(first));
      v128.store(codes + n * 32, digits(second), 16);
      v128.store(codes + n * 16, digits(third), 160);
      first = nextDigits(first);
      second = nextDigits(second);
      third = nextDigits(third);
    }
    let last = v128.load32_splat(qh);
    for (let n: usize = 0; n < 4; n++) {
      v128.store32_lane(codes + 240 + n * 4, digits(last), 0);
      last = nextDigits(last);
    }
    storeBlockScale(halves, scales);
    scales += 32;
  }
}

// The block's scale for each of its eight groups.
export function storeBlockScale(half: usize, scales: usize): void {
  const d = splatScale(half);
  v128.store(scales, d);
  v128.store(scales, d, 16);
}
