import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";

/** WGSL without comments and indentation; lines keep their numbers, which a compiler's messages name. */
export function leanWgsl(source: string): string {
  // WGSL has no strings that could hold `//`; block comments would have to nest, and ours has none.
  if (source.includes("/*")) throw new Error("A shader has a block comment: write lines of `//`.");
  return source.replaceAll(/[ \t]*\/\/.*$/gm, "").replaceAll(/^[ \t]+/gm, "");
}

/** `…wgsl?raw` in a build: what only people read stays out of the bundle. */
export function leanShaders(): Plugin {
  return {
    name: "webmoe-lean-shaders",
    enforce: "pre",
    apply: "build",
    async load(id) {
      const path = /^(.*\.wgsl)\?raw$/.exec(id)?.[1];
      if (path === undefined) return null;
      this.addWatchFile(path);
      return `export default ${JSON.stringify(leanWgsl(await readFile(path, "utf8")))};`;
    },
  };
}
