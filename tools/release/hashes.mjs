// @ts-check
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** @param {Uint8Array} bytes */
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The value of a script tag's `integrity` (https://www.w3.org/TR/sri-2/). @param {Uint8Array} bytes */
export const integrity = (bytes) => `sha384-${createHash("sha384").update(bytes).digest("base64")}`;

/**
 * Every file below `folder`, by its path in it.
 * @param {string} folder
 * @returns {Promise<Map<string, string>>} path, with slashes → SHA-256; sorted
 */
export async function hashesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
  /** @type {Map<string, string>} */
  const hashes = new Map();
  for (const path of paths) hashes.set(path, sha256(await readFile(join(folder, path))));
  return hashes;
}
