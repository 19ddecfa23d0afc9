import { expect, test } from "vitest";
import type { LinearOp, Op } from "../../model/plan.ts";
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

test("vectors that would be read past their end are refused: biases, row norms, rope factors", () => {
  const plan = tinyPlan();
  const short = { name: "short", rows: 1, cols: 4, type: "f32" } as const;
  const withOp = (op: Op) => checkPlan({ ...plan, trunk: [...plan.trunk, short], prologue: [op] });
  const linear = findOp(plan, "linear");
  const turn = findOp(plan, "rope-cache");
  const refused = refusal(/length of short is 4/);
  expect(() => withOp({ ...linear, biases: ["short", "short", "short"] })).toThrow(refused);
  expect(() => withOp({ ...linear, biases: ["short"] })).toThrow(refusal(/number of biases/));
  expect(() => withOp({ ...turn, qNorm: "short", normSpan: "row" })).toThrow(refused);
  expect(() => withOp({ ...turn, rope: { ...turn.rope, factors: "short" } })).toThrow(refused);
  // Norms of one head are no norms of a row.
  expect(() => withOp({ ...turn, normSpan: "row" })).toThrow(refusal(/attn_q_norm.* is 32, where 192/));
});
