import { expect, test } from "vitest";
import type { TensorSpec } from "../model/plan.ts";
import { fileRowBytes, PLANE_ALIGNMENT, packedLayout, SEGMENT_ROW_MULTIPLE } from "../model/quantization.ts";
import { segmentRows, trunkParts } from "./segments.ts";

const MIB = 1024 * 1024;

test("segments are as large as 16 MiB of the file allow, in rows that keep every plane aligned", () => {
  const spec: TensorSpec = { name: "embed", rows: 32_000, cols: 4096, type: "q8_0" };
  const rowBytes = fileRowBytes("q8_0", 4096);
  const rows = segmentRows(spec);
  expect(rows % SEGMENT_ROW_MULTIPLE).toBe(0);
  expect(rows * rowBytes).toBeLessThanOrEqual(16 * MIB);
  expect((rows + SEGMENT_ROW_MULTIPLE) * rowBytes).toBeGreaterThan(16 * MIB);
});

test("a row longer than 16 MiB still comes sixteen at a time", () => {
  expect(segmentRows({ name: "wide", rows: 16, cols: 8 * MIB, type: "f32" })).toBe(16);
});

test("segments cover every row of a tensor once, back to back in the file", () => {
  const spec: TensorSpec = { name: "embed", rows: 10_001, cols: 4096, type: "q8_0" };
  const parts = trunkParts("model", { spec, file: 1, offset: 4096 });
  expect(parts.length).toBeGreaterThan(2);
  let [row, offset] = [0, 4096];
  for (const part of parts) {
    expect([part.rowStart, part.offset, part.file]).toEqual([row, offset, 1]);
    expect(part.byteLength).toBe(packedLayout("q8_0", part.rowCount, 4096).byteLength);
    row += part.rowCount;
    offset += part.fileBytes;
  }
  expect(row).toBe(10_001);
  expect(offset - 4096).toBe(10_001 * fileRowBytes("q8_0", 4096));
  expect(new Set(parts.map(({ key }) => key)).size).toBe(parts.length);
});

test("every plane of a segment in the middle of a matrix starts aligned there", () => {
  const spec: TensorSpec = { name: "embed", rows: 30_000, cols: 1056, type: "q4_0" };
  const whole = packedLayout("q4_0", spec.rows, spec.cols);
  for (const { rowStart } of trunkParts("model", { spec, file: 0, offset: 0 }))
    for (const { offset, rowBytes } of whole.planes)
      expect((offset + rowStart * rowBytes) % PLANE_ALIGNMENT).toBe(0);
});
