import { expect, it } from "vitest";
import { type Entry, keyOf, merged, type Run } from "./results.mjs";

const run: Run = { date: "", command: "", commit: "", machine: {}, versions: {}, loadAverage: "0" };
const entry = (measure: string, of: string): Entry => ({
  kind: "speed",
  subject: "embedded q8_0",
  measure,
  threads: 1,
  cells: { wllama: { values: [1] } },
  run: of,
});

it("a record replaces the one of the same thing, and leaves the others with their runs", () => {
  const before = { runs: { old: run }, records: [entry("decode16", "old"), entry("prefill128", "old")] };
  const after = merged(before, [entry("decode16", "new")], { new: run });
  expect(after.records.map((record) => [record.measure, record.run])).toEqual([
    ["decode16", "new"],
    ["prefill128", "old"],
  ]);
  expect(Object.keys(after.runs)).toEqual(["new", "old"]);
});

it("a run that nothing is left of is forgotten", () => {
  const before = { runs: { old: run }, records: [entry("decode16", "old")] };
  expect(Object.keys(merged(before, [entry("decode16", "new")], { new: run }).runs)).toEqual(["new"]);
});

it("the same measure on other threads is another thing", () => {
  expect(keyOf({ ...entry("load", "r"), threads: 2 })).not.toBe(keyOf(entry("load", "r")));
});
