// @ts-check
import { SourceMap } from "node:module";

/** Texts have no source to be traced to. */
const UNTRACED = "shaders, and what the bundler adds";

/**
 * The part of the library that a source belongs to: a package's name or a folder of `src`.
 * @param {string} source as a source map names it
 */
export function partOf(source) {
  const name = source.replace(/^(\.\.\/)+/, "").replace(/\?.*$/, "");
  const installed = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1];
  if (installed) return installed;
  return /^(src\/[^/]+)/.exec(name)?.[1] ?? UNTRACED;
}

/**
 * How many characters of a script each part of the library takes, by its source map; largest first.
 * @param {string} code @param {import("node:module").SourceMapPayload} map
 * @returns {[part: string, characters: number][]}
 */
export function composition(code, map) {
  const positions = new SourceMap(map);
  /** @type {Map<string, number>} */
  const parts = new Map();
  for (const [line, text] of code.split("\n").entries()) {
    for (let column = 0; column < text.length; column++) {
      const entry = positions.findEntry(line, column);
      const here = "originalSource" in entry && entry.originalSource && entry.generatedLine === line;
      const part = here ? partOf(entry.originalSource) : UNTRACED;
      parts.set(part, (parts.get(part) ?? 0) + 1);
    }
  }
  return [...parts].sort((a, b) => b[1] - a[1]);
}
