// Turns the bytes of a unit [4 groups, group] into [group / 4, 4 groups, 4]: four elements of each group a vector.
export function interleave(bytes: usize, group: usize): void {
  if (group == 16) return transpose(bytes, bytes + 16, bytes + 32, bytes + 48, bytes);
  // The second halves of the groups wait in registers while the first are written.
  const a = v128.load(bytes, 16);
  const b = v128.load(bytes, 48);
  const c = v128.load(bytes, 80);
  const d = v128.load(bytes, 112);
  transpose(bytes, bytes + 32, bytes + 64, bytes + 96, bytes);
  storeTransposed(a, b, c, d, bytes + 64);
}

// out [4, 4] = the transpose of four vectors of four words.
function transpose(a: usize, b: usize, c: usize, d: usize, out: usize): void {
  storeTransposed(v128.load(a), v128.load(b), v128.load(c), v128.load(d), out);
}
function storeTransposed(a: v128, b: v128, c: v128, d: v128, out: usize): void {
  const low = lowPair(a, b);
  const high = highPair(a, b);
  const lastLow = lowPair(c, d);
  const lastHigh = highPair(c, d);
  v128.store(out, lowJoin(low, lastLow));
  v128.store(out, highJoin(low, lastLow), 16);
  v128.store(out, lowJoin(high, lastHigh), 32);
  v128.store(out, highJoin(high, lastHigh), 48);
}

// Words of two, then of four vectors in turn: the steps of a transposition of four by four.
export function lowPair(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 4, 1, 5);
}
export function highPair(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 2, 6, 3, 7);
}
export function lowJoin(ab: v128, cd: v128): v128 {
  return v128.shuffle<i32>(ab, cd, 0, 1, 4, 5);
}
export function highJoin(ab: v128, cd: v128): v128 {
  return v128.shuffle<i32>(ab, cd, 2, 3, 6, 7);
}
