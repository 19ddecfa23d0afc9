// The numbers by which the door (src/wasm/compute.ts) names a tensor's encoding.
export const F32: u32 = 0;
export const F16: u32 = 1;
export const Q4_0: u32 = 2;
export const Q8_0: u32 = 3;

// Elements that share a scale in Q4_0 and Q8_0.
export const BLOCK: usize = 32;
