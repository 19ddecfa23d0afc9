/**
 * The random number of a position: uniform in [0, 1), a function of (seed, position) alone, so that a replay or a
 * resumed session draws what the first run drew. Two rounds of the 32-bit finaliser of MurmurHash3 over each word.
 */
export function uniform(seed: number, position: number): number {
  let hash = mix(Math.imul(seed | 0, 0x9e3779b1) ^ 0x85ebca6b);
  hash = mix(hash ^ Math.imul(Math.floor(seed / 2 ** 32) | 0, 0xc2b2ae35));
  hash = mix(hash ^ Math.imul(position | 0, 0x27d4eb2f));
  // 24 bits: exact in f32, so that the GPU and WASM samplers compare against the same number.
  return (hash >>> 8) / 2 ** 24;
}

function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
