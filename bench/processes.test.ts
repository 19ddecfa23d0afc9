import { expect, it } from "vitest";
import { familyOf, parentOf, processKind, pssBytes } from "./processes.mjs";

it("PSS is read from smaps_rollup in bytes, not mistaken for one of its kinds", () => {
  const text =
    "55d6f47dd000-7ffec1b88000 ---p 00000000 00:00 0   [rollup]\nRss:   1736 kB\nPss_Dirty:   112 kB\nPss:    223 kB\n";
  expect(pssBytes(text)).toBe(223 * 1024);
  expect(pssBytes("")).toBe(0);
});

it("a parent is found behind a name with spaces and parentheses", () => {
  expect(parentOf("4242 (chrome (gpu) x) S 17 4242 4242 0 -1")).toBe(17);
});

it("a family is a process and everything below it, and nobody else", () => {
  const parents = new Map([
    [2, 1],
    [3, 2],
    [4, 3],
    [5, 1],
    [6, 5],
  ]);
  expect(familyOf(2, parents).sort()).toEqual([2, 3, 4]);
});

it("a process is named by what it does, a service by its own name", () => {
  expect(processKind(["/usr/bin/chromium", "--headless"])).toBe("browser");
  expect(processKind(["chromium", "--type=renderer", "--lang=en"])).toBe("renderer");
  expect(processKind(["chromium", "--type=utility", "--utility-sub-type=network.mojom.NetworkService"])).toBe(
    "network",
  );
});
