import type { RopeSpec } from "../../model/plan.ts";

/**
 * Cosine and sine of position · freqBase^(−2i / dimension) for each row and pair i, `[rows, dimension / 2, 2]`.
 * Computed in double precision: an f32 angle at position 100,000 is off by a hundredth of a turn.
 *
 * Source: arXiv 2104.09864.
 */
export function ropeAngles(rope: RopeSpec, position: number, rows: number): Float32Array<ArrayBuffer> {
  const half = rope.dimension / 2;
  const angles = new Float32Array(rows * half * 2);
  for (let pair = 0; pair < half; pair++) {
    const frequency = rope.freqBase ** ((-2 * pair) / rope.dimension);
    for (let row = 0; row < rows; row++) {
      const angle = (position + row) * frequency;
      angles[(row * half + pair) * 2] = Math.cos(angle);
      angles[(row * half + pair) * 2 + 1] = Math.sin(angle);
    }
  }
  return angles;
}
