import MagicString from "magic-string";
import type { Plugin } from "vite";

/** What Vite makes of `new URL("./worker.ts", import.meta.url)` where a library's own address is not known. */
const OF_A_WORKER =
  /new URL\(\s*(?:\/\* @vite-ignore \*\/\s*)?new URL\(["'`]([\w.-]+)["'`], import\.meta\.url\)\.href,\s*["'`]{2} ?\+ ?import\.meta\.url\s*\)/g;

/**
 * A library's references to its own files, in the one form that every bundler knows:
 * `new URL("./name", import.meta.url)`.
 */
export function plainUrls(): Plugin {
  return {
    name: "webmoe-plain-urls",
    enforce: "post",
    renderChunk(code) {
      const text = new MagicString(code);
      for (const match of code.matchAll(OF_A_WORKER))
        text.overwrite(
          match.index,
          match.index + match[0].length,
          `new URL("./${match[1]}", import.meta.url)`,
        );
      return text.hasChanged() ? { code: text.toString(), map: text.generateMap({ hires: true }) } : null;
    },
    generateBundle(_options, bundle) {
      // A file's reference while it is bundled may differ in every build; a source map would keep it.
      for (const file of Object.values(bundle)) {
        if (file.type !== "asset" || !file.fileName.endsWith(".map") || typeof file.source !== "string")
          continue;
        file.source = file.source.replaceAll(/\bimport\.meta\.ROLL\w+_FILE_URL_[\w-]+/g, "import.meta.url");
      }
    },
  };
}
