import { expect, it } from "vitest";
import { addCounts, NO_TESTS, playwrightCounts, vitestCounts } from "./test-counts.mjs";

it("adds up what ran; a test that passed only on a retry has failed", () => {
  const unit = vitestCounts({ numPassedTests: 40, numFailedTests: 1, numPendingTests: 2, numTodoTests: 3 });
  const page = playwrightCounts({ stats: { expected: 7, unexpected: 1, flaky: 2, skipped: 4 } });
  expect([unit, page].reduce(addCounts, NO_TESTS)).toEqual({ passed: 47, failed: 4, skipped: 9 });
});
