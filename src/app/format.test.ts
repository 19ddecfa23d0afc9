import { describe, expect, it } from "vitest";
import { formatBytes, formatParameters, formatRate, formatSeconds, formatShare } from "./format.ts";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("numbers as the page shows them", () => {
  it("gives bytes three significant digits in decimal units", () => {
    expect([0, 999, 1000, 23_922_496, 999_499, 999_500, 18_600_000_000].map(formatBytes).map(plain)).toEqual([
      "0 B",
      "999 B",
      "1.00 kB",
      "23.9 MB",
      "999 kB",
      "1.00 MB",
      "18.6 GB",
    ]);
  });

  it("says 100 % only of the whole", () => {
    expect(plain(formatShare(9999, 10_000))).toBe("99 %");
    expect(plain(formatShare(10_000, 10_000))).toBe("100 %");
    expect(formatShare(0, 0)).toBe("–");
  });

  it("turns from milliseconds to seconds at one second", () => {
    expect([0.0384, 0.9994, 0.9996, 12.34].map(formatSeconds).map(plain)).toEqual([
      "38 ms",
      "999 ms",
      "1.00 s",
      "12.3 s",
    ]);
  });

  it("shows a dash for a rate that was not measured", () => {
    expect([0, Number.NaN, Number.POSITIVE_INFINITY, 41.27, 1234.5].map(formatRate)).toEqual([
      "–",
      "–",
      "–",
      "41.3",
      "1,235",
    ]);
  });

  it("names millions and billions of parameters", () => {
    expect([8192, 22_179_456, 30_532_122_624].map(formatParameters).map(plain)).toEqual([
      "8,192",
      "22.2 M",
      "30.5 B",
    ]);
  });
});
