// @ts-check
/**
 * The size budget, which fails the build: what a page downloads to use the library, wasm left out. Lists what it is
 * made of.
 */
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { composition } from "./composition.mjs";

/**
 * Bytes after gzip. The aim is 90,000: WebGPU with its shaders, and chat templates, are loaded by pages that use neither.
 */
const BUDGET = 105_000;
const SCRIPTS = ["webmoe.js", "worker.js", "helper-browser.js"];
const LISTED = 12;

/** @param {number} bytes */
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(9);

let total = 0;
/** @type {Map<string, number>} */
const parts = new Map();
for (const name of SCRIPTS) {
  const code = await readFile(`dist/lib/${name}`, "utf8");
  const bytes = gzipSync(code, { level: 9 }).length;
  total += bytes;
  console.log(`${kB(bytes)} gzip  ${name}`);
  for (const [part, characters] of composition(
    code,
    JSON.parse(await readFile(`dist/lib/${name}.map`, "utf8")),
  ))
    parts.set(part, (parts.get(part) ?? 0) + characters);
}
console.log(`${kB(total)} gzip  in all, of ${kB(BUDGET).trim()}; before gzip it is made of`);
const sorted = [...parts].sort((a, b) => b[1] - a[1]);
for (const [part, characters] of sorted.slice(0, LISTED)) console.log(`${kB(characters)}       ${part}`);
const rest = sorted.slice(LISTED).reduce((sum, [, characters]) => sum + characters, 0);
if (rest > 0) console.log(`${kB(rest)}       the rest`);

if (total > BUDGET) {
  console.error(`The library's scripts take ${total} bytes after gzip; the budget is ${BUDGET}.`);
  process.exit(1);
}
