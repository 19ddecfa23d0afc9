// @ts-check
/**
 * `npm run release:reproducible`: two clean builds of the last commit, in two folders of different names and depths, each
 * with an installation of its own, must give the same bytes: every file of `dist/`, and the tarball.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runOrThrow } from "../run/install.mjs";
import { hashesBelow } from "./hashes.mjs";
import { pack } from "./pack.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @param {string} folder @returns {Promise<Map<string, string>>} */
async function buildIn(folder) {
  console.log(`Building in ${folder} …`);
  await mkdir(folder, { recursive: true });
  const archive = join(folder, "..", "sources.tar");
  await runOrThrow("git", ["archive", "--format=tar", `--output=${archive}`, "HEAD"], root);
  await runOrThrow("tar", ["-xf", archive, "-C", folder], folder);
  await runOrThrow("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund"], folder);
  await runOrThrow("npm", ["run", "build"], folder);
  await pack(folder, join(folder, "dist"));
  return hashesBelow(join(folder, "dist"));
}

const work = await mkdtemp(join(tmpdir(), "webmoe-reproducible-"));
try {
  const one = await buildIn(join(work, "a", "webmoe"));
  const two = await buildIn(join(work, "b", "deeper", "another-name"));
  const paths = [...new Set([...one.keys(), ...two.keys()])].sort();
  const different = paths.filter((path) => one.get(path) !== two.get(path));
  if (different.length > 0) throw new Error(`Two builds differ in:\n${different.join("\n")}`);
  console.log(`The same bytes twice, in ${paths.length} files:`);
  for (const path of paths.filter((name) => name.endsWith(".tgz"))) console.log(`${one.get(path)}  ${path}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await rm(work, { recursive: true, force: true });
}
