import { expect, it } from "vitest";
import { describeExperts, describeOne, gridLayout } from "./experts-grid.ts";

const snapshot = {
  layerCount: 2,
  expertCount: 4,
  expertsPerToken: 2,
  resident: Uint8Array.of(1, 0, 1, 0, 1, 1, 1, 0),
  picks: Uint32Array.of(2, 0, 1, 2),
};

it("tells the picture in words", () => {
  expect(describeExperts(snapshot).full).toBe(
    "Grid of 2 layers by 4 experts: 5 of 8 experts resident. " +
      "Experts used by the last token: layer 0: 2, 0; layer 1: 1, 2.",
  );
  expect(describeExperts({ ...snapshot, picks: new Uint32Array(0) }).full).toContain("No token yet");
});

it("names the state of one square, and nothing outside the grid", () => {
  expect(describeOne(snapshot, 1, 1)).toBe("Layer 1, expert 1: resident, used by the last token");
  expect(describeOne(snapshot, 0, 3)).toBe("Layer 0, expert 3: not resident");
  expect(describeOne(snapshot, 2, 0)).toBe("");
});

it("fills the width with a small model and keeps the squares of a large one visible", () => {
  expect(gridLayout(6, 16, 420).width).toBeLessThanOrEqual(420);
  expect(gridLayout(48, 128, 360)).toMatchObject({ cell: 9, width: 26 + 9 * 128 });
});
