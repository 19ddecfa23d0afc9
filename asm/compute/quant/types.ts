// The numbers by which the door (src/wasm/compute.ts) names a tensor's encoding, and how long its blocks are.
export const F32: u32 = 0;
export const F16: u32 = 1;
export const Q4_0: u32 = 2;
export const Q8_0: u32 = 3;
export const BF16: u32 = 4;
export const Q4_1: u32 = 5;
export const Q5_0: u32 = 6;
export const Q5_1: u32 = 7;
export const Q2_K: u32 = 8;
export const Q3_K: u32 = 9;
export const Q4_K: u32 = 10;
export const Q5_K: u32 = 11;
export const Q6_K: u32 = 12;
export const IQ4_NL: u32 = 13;
export const IQ4_XS: u32 = 14;
export const MXFP4: u32 = 15;
export const TQ1_0: u32 = 16;
export const TQ2_0: u32 = 17;

// Elements of a block in the formats with small and with large blocks.
export const BLOCK: usize = 32;
export const SUPER_BLOCK: usize = 256;

// By type: log2 of the elements of a block, and the bytes it has in each of up to four planes (src/model/quantization.ts).
// biome-ignore format: a table
const SHAPES = memory.data<u8>([
  0, 4, 0, 0, 0, // F32
  0, 2, 0, 0, 0, // F16
  5, 16, 2, 0, 0, // Q4_0
  5, 32, 2, 0, 0, // Q8_0
  0, 2, 0, 0, 0, // BF16
  5, 16, 4, 0, 0, // Q4_1
  5, 16, 4, 2, 0, // Q5_0
  5, 16, 4, 4, 0, // Q5_1
  8, 64, 16, 4, 0, // Q2_K
  8, 64, 32, 12, 2, // Q3_K
  8, 128, 12, 4, 0, // Q4_K
  8, 128, 32, 12, 4, // Q5_K
  8, 128, 64, 16, 2, // Q6_K
  5, 16, 2, 0, 0, // IQ4_NL
  8, 128, 8, 0, 0, // IQ4_XS
  5, 16, 1, 0, 0, // MXFP4
  8, 48, 4, 2, 0, // TQ1_0
  8, 64, 2, 0, 0, // TQ2_0
]);

// Bytes of `cols` elements in a plane.
export function planeBytes(type: u32, plane: usize, cols: usize): usize {
  const shape = SHAPES + type * 5;
  return (cols >> load<u8>(shape)) * load<u8>(shape + 1 + plane);
}
