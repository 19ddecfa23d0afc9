// IEEE 754 halves: matrices of them, and the table that turns a block's scale into f32 in one load.

// f32 of every half, 256 KiB. The host places and fills it once (fillHalfTable); each instance is told where.
let halfTable: usize = 0;

const TWO_TO_112: f32 = 5192296858534827628530496329220096.0;

export function useHalfTable(table: usize): void {
  halfTable = table;
}

export function fillHalfTable(table: usize): void {
  for (let bits: usize = 0; bits < 0x10000; bits += 4) {
    const lanes = i32x4(<i32>bits, <i32>(bits + 1), <i32>(bits + 2), <i32>(bits + 3));
    v128.store(table + (bits << 2), widenHalves(i32x4.shr_s(i32x4.shl(lanes, 16), 16)));
  }
}

export function scaleOf(half: usize): f32 {
  return load<f32>(halfTable + ((<usize>load<u16>(half)) << 2));
}

export function splatScale(half: usize): v128 {
  return v128.load32_splat(halfTable + ((<usize>load<u16>(half)) << 2));
}

// Four halves in a row, from the table too: arithmetic on them is slow where they are subnormal, as the scales of small
// weights are.
export function fourScales(halves: usize): v128 {
  let scales = splatScale(halves);
  scales = v128.load_lane<f32>(tableEntry(halves + 2), scales, 1);
  scales = v128.load_lane<f32>(tableEntry(halves + 4), scales, 2);
  return v128.load_lane<f32>(tableEntry(halves + 6), scales, 3);
}
function tableEntry(half: usize): usize {
  return halfTable + ((<usize>load<u16>(half)) << 2);
}

// Four sign-extended halves to f32, exactly. Moving exponent and mantissa 13 bits up gives the number times 2^-112,
// for subnormal halves too, because f32's own subnormals line up with them; one product puts the exponent right.
// The mask keeps the sign (bit 31 of the extension) and what was moved. Halves are finite: repacking saw to it.
function widenHalves(lanes: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(lanes, 13), i32x4.splat(<i32>0x8fffe000)), f32x4.splat(TWO_TO_112));
}

// Elements [4i, 4i + 4) of a row.
export function f16Lanes(row: usize): v128 {
  return widenHalves(v128.load16x4_s(row));
}

// The first, then the second half of each word.
export function firstHalves(words: v128): v128 {
  return widenHalves(i32x4.shr_s(i32x4.shl(words, 16), 16));
}
export function secondHalves(words: v128): v128 {
  return widenHalves(i32x4.shr_s(words, 16));
}

// acc[0..4) = lane sums of four rows of `cols` halves times x: rows 0 to 3 from `weights` on, `stride` bytes apart,
// with `last` (0 to 3) in place of those after it.
export function dotRowsF16(
  weights: usize,
  stride: usize,
  last: usize,
  cols: usize,
  x: usize,
  acc: usize,
): void {
  const b = min(1, last) * stride;
  const c = min(2, last) * stride;
  const d = min(3, last) * stride;
  let sumA = f32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  for (const end = x + (cols << 2); x < end; x += 16, weights += 8) {
    const values = v128.load(x);
    sumA = f32x4.add(sumA, f32x4.mul(f16Lanes(weights), values));
    sumB = f32x4.add(sumB, f32x4.mul(f16Lanes(weights + b), values));
    sumC = f32x4.add(sumC, f32x4.mul(f16Lanes(weights + c), values));
    sumD = f32x4.add(sumD, f32x4.mul(f16Lanes(weights + d), values));
  }
  v128.store(acc, sumA);
  v128.store(acc, sumB, 16);
  v128.store(acc, sumC, 32);
  v128.store(acc, sumD, 48);
}

export function unpackF16(row: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; out += 16, row += 8) v128.store(out, f16Lanes(row));
}
