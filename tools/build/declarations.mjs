/**
 * Finishes the library's type declarations: keeps those that its faces reach, with specifiers that every
 * TypeScript resolves (tsc leaves `.ts` in declarations), and puts a `.d.ts` beside each face.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

const library = "dist/lib";
const emitted = join(library, "types");
const RELATIVE_IMPORT = /(from |import\()"(\.[^"]+)\.ts"/g;

/** @type {Map<string, string>} path below `emitted` → text */
const reached = new Map();

/** @param {string} path */
async function reach(path) {
  if (reached.has(path)) return;
  const text = await readFile(join(emitted, path), "utf8");
  reached.set(path, text.replace(RELATIVE_IMPORT, '$1"$2.js"'));
  for (const [, , specifier] of text.matchAll(RELATIVE_IMPORT))
    await reach(relative(emitted, join(emitted, dirname(path), `${specifier}.d.ts`)));
}

await reach("index.d.ts");
await reach("node.d.ts");
await reach("embed/index.d.ts");
await rm(emitted, { recursive: true });
for (const [path, text] of reached) {
  await mkdir(dirname(join(emitted, path)), { recursive: true });
  await writeFile(join(emitted, path), text);
}
await writeFile(join(library, "webmoe.d.ts"), 'export * from "./types/index.js";\n');
await writeFile(join(library, "node.d.ts"), 'export * from "./types/node.js";\n');
await writeFile("dist/embed/webmoe-embed.d.ts", 'export * from "../lib/types/embed/index.js";\n');
