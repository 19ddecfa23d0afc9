import { expect, test } from "vitest";
import type { LinearOp } from "../../model/plan.ts";
import { findOp, opPlan, tinyPlan } from "../testing/plans.ts";
import { checkPlan } from "./check-plan.ts";

const refusal = (message: RegExp) =>
  expect.objectContaining({ code: "unsupported-architecture", message: expect.stringMatching(message) });

test("a plan whose widths do not meet is refused by the tensor's name", () => {
  const plan = opPlan({
    trunk: [{ name: "w", rows: 4, cols: 64, type: "q8_0" }],
    values: [{ name: "x", width: 32, rows: "batch", kind: "scratch" }],
  });
  const op: LinearOp = { kind: "linear", x: 0, weights: ["w"], out: 0 };
  expect(() => checkPlan({ ...plan, prologue: [op] })).toThrow(refusal(/input width of w is 64/));
});

test("columns that are no whole blocks are refused", () => {
  const plan = opPlan({ trunk: [{ name: "w", rows: 4, cols: 48, type: "q4_0" }], values: [] });
  expect(() => checkPlan(plan)).toThrow(refusal(/w has 48 columns/));
});

test("what no kernel heeds is refused and not left out", () => {
  const plan = tinyPlan();
  const linear = findOp(plan, "linear");
  const withFields = (fields: object) => checkPlan({ ...plan, prologue: [{ ...linear, ...fields }] });
  expect(() => withFields({ softcap: 30 })).toThrow(refusal(/kernel for linear does no softcap/));
  expect(() => withFields({ softcap: undefined })).not.toThrow();
  expect(() => withFields({ kind: "convolution" })).toThrow(refusal(/no kernel for the op convolution/));
});
