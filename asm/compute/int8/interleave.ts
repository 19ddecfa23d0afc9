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
  const lowAB = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const highAB = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const lowCD = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const highCD = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<i32>(lowAB, lowCD, 0, 1, 4, 5));
  v128.store(out, v128.shuffle<i32>(lowAB, lowCD, 2, 3, 6, 7), 16);
  v128.store(out, v128.shuffle<i32>(highAB, highCD, 0, 1, 4, 5), 32);
  v128.store(out, v128.shuffle<i32>(highAB, highCD, 2, 3, 6, 7), 48);
}
