// @ts-check
/**
 * Writes the licences of what is bundled beside the bundles that hold it, as those licences ask. What the library holds
 * is read from its source maps; the script for pages shows Markdown, too.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { partOf } from "./composition.mjs";

const MARKDOWN = ["dompurify", "marked"];

/** @param {string} folder @returns {Promise<string[]>} names of the packages in its scripts, sorted */
async function bundledPackages(folder) {
  const names = new Set();
  for (const file of await readdir(folder)) {
    if (!file.endsWith(".js.map")) continue;
    const { sources } = JSON.parse(await readFile(`${folder}/${file}`, "utf8"));
    for (const source of sources) if (source.includes("node_modules/")) names.add(partOf(source));
  }
  return [...names].sort();
}

/** @param {string} name */
async function notice(name) {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
  if (!file) throw new Error(`${name} is bundled and brings no licence file.`);
  const text = (await readFile(`${folder}/${file}`, "utf8")).replaceAll("\r\n", "\n").trim();
  return `## ${name} ${version} (${license})\n\n${text}\n`;
}

/** @param {string} folder @param {readonly string[]} names */
async function write(folder, names) {
  const notices = await Promise.all(names.map(notice));
  const head = "# What these scripts contain besides WebMoE\n";
  await writeFile(`${folder}/THIRD-PARTY-NOTICES.md`, [head, ...notices].join("\n"));
}

const library = await bundledPackages("dist/lib");
await write("dist/lib", library);
await write("dist/embed", [...library, ...MARKDOWN].sort());
