import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isInstalled } from "./install.mjs";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webmoe-install-"));
  await mkdir(join(folder, "node_modules"));
});
afterAll(() => rm(folder, { recursive: true }));

const write = (path: string, packages: object) =>
  writeFile(join(folder, path), JSON.stringify({ packages: { "": {}, ...packages } }));

it("is installed if every locked package is there in its version, other platforms' apart", async () => {
  const locked = {
    "node_modules/vite": { version: "8.3.8" },
    "node_modules/other-platform": { version: "1.0.0", optional: true },
  };
  await write("package-lock.json", locked);
  expect(await isInstalled(folder)).toBe(false);
  await write("node_modules/.package-lock.json", { "node_modules/vite": { version: "8.3.7" } });
  expect(await isInstalled(folder)).toBe(false);
  await write("node_modules/.package-lock.json", { "node_modules/vite": { version: "8.3.8" } });
  expect(await isInstalled(folder)).toBe(true);
});
