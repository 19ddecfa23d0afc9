import { expect, test } from "vitest";
import { uniform } from "./random.ts";

test("draws are a function of seed and position, in [0, 1), and spread evenly", () => {
  const buckets = new Array<number>(16).fill(0);
  for (let seed = 0; seed < 20; seed++)
    for (let position = 0; position < 1000; position++) {
      const draw = uniform(seed, position);
      expect(draw).toBe(uniform(seed, position));
      buckets[Math.floor(draw * 16)]!++;
    }
  // 20,000 draws, 1,250 a bucket: five standard deviations are 172.
  for (const count of buckets) expect(Math.abs(count - 1250)).toBeLessThan(172);
  expect(uniform(1, 5)).not.toBe(uniform(1 + 2 ** 32, 5));
});
