// @ts-check
/**
 * `npm run release:check`: builds the package, checks it, packs it, and writes what a release needs into
 * `.cache/release/`: the tarball, the two scripts for pages, `SHA256SUMS`, and `integrity.json` with the value of each
 * script tag's `integrity`. Publishes nothing.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findChromium } from "../run/browser.mjs";
import { runLoud, runQuiet } from "../run/install.mjs";
import { hashesBelow, integrity } from "./hashes.mjs";
import { pack } from "./pack.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, ".cache", "release");
const SCRIPTS = ["webmoe-embed.js", "webmoe-embed.classic.js"];

/** @param {string} what @param {string[]} command */
async function step(what, [command = "", ...args]) {
  console.log(`\n── ${what}`);
  const code = await runLoud(command, args, { cwd: root });
  if (code !== 0) throw new Error(`${what} failed.`);
}

/** A release has a version of its own, and the changelog says what is in it. @param {string} version */
async function checkVersion(version) {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) throw new Error(`${version} is not a semantic version.`);
  const changelog = await readFile(join(root, "CHANGELOG.md"), "utf8");
  if (!changelog.includes(`\n## ${version}\n`))
    throw new Error(`CHANGELOG.md has no section "## ${version}".`);
  const { packages } = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  if (packages[""].version !== version)
    throw new Error("package-lock.json has another version: npm install.");
  const { output } = await runQuiet("git", ["status", "--porcelain"], root);
  if (output.trim() !== "") console.warn(`Not committed, so nobody can build this again:\n${output}`);
}

try {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  await checkVersion(version);
  await findChromium(root);
  await step("lint", ["npm", "run", "--silent", "lint"]);
  await step("type check", ["npm", "run", "--silent", "typecheck"]);
  await step("build", ["npm", "run", "--silent", "build"]);
  await step("package, script tag and documents", [
    ...["npx", "playwright", "test", "--project=page"],
    ...["package.spec", "embed.spec", "documents.spec"],
  ]);

  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { path, bytes, files } = await pack(root, folder);
  /** @type {Record<string, string>} */
  const integrities = {};
  for (const name of SCRIPTS) {
    const script = join(root, "dist", "embed", name);
    await copyFile(script, join(folder, name));
    integrities[name] = integrity(await readFile(script));
  }
  await writeFile(join(folder, "integrity.json"), `${JSON.stringify(integrities, null, 2)}\n`);
  const sums = [...(await hashesBelow(folder))].map(([name, hash]) => `${hash}  ${name}\n`);
  await writeFile(join(folder, "SHA256SUMS"), sums.join(""));
  console.log(`\n${basename(path)}: ${files.length} files, ${(bytes / 1e6).toFixed(2)} MB. In ${folder}:\n`);
  console.log(sums.join(""));
  for (const [name, hash] of Object.entries(integrities)) console.log(`${name}: integrity="${hash}"`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
