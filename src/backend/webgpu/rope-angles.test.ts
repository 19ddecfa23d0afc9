import { expect, it } from "vitest";
import { ropeAngles } from "./rope-angles.ts";

it("keeps the fraction of a turn at position 100,000, where f32 angles lose it", () => {
  const rope = { pairing: "neox", dimension: 8, freqBase: 10_000 } as const;
  const angles = ropeAngles(rope, 99_999, 2);
  // Pair 1 turns by 10,000^(-1/4) = 0.1 a position.
  expect(angles[10]).toBeCloseTo(Math.cos(10_000), 6);
  expect(angles[11]).toBeCloseTo(Math.sin(10_000), 6);
  expect(angles).toHaveLength(2 * 4 * 2);
});
