import type { RopeSpec } from "../../model/plan.ts";

/**
 * Cosine and sine of position · freqScale · freqBase^(−2i / dimension) / factors[i] for each row and pair i,
 * `[rows, dimension / 2, 2]`. `factors` [dimension / 2] default to 1.
 * Computed in double precision: an f32 angle at position 100,000 is off by a hundredth of a turn.
 *
 * Source: arXiv 2104.09864.
 */
export function ropeAngles(
  rope: RopeSpec,
  position: number,
  rows: number,
  factors?: Float32Array,
): Float32Array<ArrayBuffer> {
  const half = rope.dimension / 2;
  const angles = new Float32Array(rows * half * 2);
  for (let pair = 0; pair < half; pair++) {
    const divisor = factors?.[pair] ?? 1;
    const frequency = ((rope.freqScale ?? 1) * rope.freqBase ** ((-2 * pair) / rope.dimension)) / divisor;
    for (let row = 0; row < rows; row++) {
      const angle = (position + row) * frequency;
      angles[(row * half + pair) * 2] = Math.cos(angle);
      angles[(row * half + pair) * 2 + 1] = Math.sin(angle);
    }
  }
  return angles;
}
