import { describe, expect, it } from "vitest";
import { WebMoEError } from "../index.ts";
import { explain } from "./errors.ts";
import { ChoiceError } from "./sources.ts";

describe("what the page says of a failure", () => {
  it("says nothing when the person stopped", () => {
    expect(explain(new WebMoEError("aborted", "The operation was aborted by its signal."))).toBeUndefined();
  });

  it("puts what to do before the library's own account", () => {
    const explanation = explain(
      new WebMoEError("budget-too-small", "expertBudget is 10; 1,253,376 would do."),
    );
    expect(explanation?.headline).toContain("Choose a larger one under Settings");
    expect(explanation?.detail).toBe("expertBudget is 10; 1,253,376 would do.");
  });

  it("says a choice that cannot be tried in its own words, and anything unknown with its name", () => {
    expect(explain(new ChoiceError("Pick a file."))).toEqual({ headline: "Pick a file.", detail: "" });
    expect(explain(new TypeError("x is undefined"))?.detail).toBe("TypeError: x is undefined");
  });
});
