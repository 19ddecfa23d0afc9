// @ts-check
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runQuiet } from "../run/install.mjs";

/**
 * @typedef {object} Packed
 * @property {string} path of the tarball
 * @property {number} bytes its size
 * @property {readonly { path: string, size: number }[]} files sorted by path
 */

/**
 * `npm pack` of the package at `root` into `folder`. `npm run build` comes first.
 * @param {string} root @param {string} folder @param {{ dryRun?: boolean }} [options] `dryRun` only lists
 * @returns {Promise<Packed>}
 */
export async function pack(root, folder, { dryRun = false } = {}) {
  await mkdir(folder, { recursive: true });
  const flags = ["--json", "--ignore-scripts", "--silent", "--pack-destination", folder];
  const { code, output } = await runQuiet("npm", ["pack", ...flags, ...(dryRun ? ["--dry-run"] : [])], root);
  // Warnings of npm may stand before the list.
  const list = /^\[[\s\S]*\]$/m.exec(output.trim())?.[0];
  if (code !== 0 || list === undefined) throw new Error(`npm pack failed:\n${output}`);
  const [packed] = JSON.parse(list);
  const files = [...packed.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { path: join(folder, packed.filename), bytes: packed.size, files };
}
