/**
 * A module of one function: the words at 48 = i32x4.relaxed_dot_i8x16_i7x16_add_s of the bytes at 0 and 16, added to
 * the words at 32.
 */
// biome-ignore format: instructions a line
const MODULE = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 4, 1, 0x60, 0, 0,
  3, 2, 1, 0,
  5, 3, 1, 0, 1,
  7, 16, 2, 3, 0x64, 0x6f, 0x74, 0, 0, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0,
  10, 31, 1, 29, 0,
  0x41, 0,
  0x41, 0, 0xfd, 0, 4, 0,
  0x41, 0, 0xfd, 0, 4, 16,
  0x41, 0, 0xfd, 0, 4, 32,
  0xfd, 0x93, 2,
  0xfd, 11, 4, 48,
  11,
);

/**
 * Whether the engine has the relaxed dot product of bytes, and it is exact where the second operand is 0 to 127: the
 * first compiler of some V8 (Node 20) gets it wrong.
 */
export function hasRelaxedDot(): boolean {
  if (!WebAssembly.validate(MODULE)) return false;
  const { dot, memory } = new WebAssembly.Instance(new WebAssembly.Module(MODULE)).exports as unknown as {
    dot(): void;
    memory: WebAssembly.Memory;
  };
  const codes = new Int8Array(memory.buffer, 0, 16);
  const limited = new Uint8Array(memory.buffer, 16, 16);
  const addends = new Int32Array(memory.buffer, 32, 4);
  const sums = new Int32Array(memory.buffer, 48, 4);
  codes.set([-128, -128, -128, -128, 127, 127, 127, 127, -1, 2, -3, 4, 100, -100, 50, -128]);
  limited.set([127, 127, 127, 127, 127, 127, 127, 127, 1, 0, 127, 64, 3, 5, 7, 127]);
  addends.set([1, -2, 1 << 20, -(1 << 20)]);
  dot();
  return sums.every((sum, lane) => {
    const products = [0, 1, 2, 3].map((i) => codes[4 * lane + i]! * limited[4 * lane + i]!);
    return sum === products.reduce((total, product) => total + product, addends[lane]!);
  });
}
