import { build, type Plugin } from "vite";
import { ascPlugin } from "../vite/asc.ts";
import { leanShaders } from "./lean-shaders.ts";

/** Bundles a module and all that it imports into one classic script. */
async function bundle(entry: string): Promise<string> {
  const outputs = await build({
    configFile: false,
    logLevel: "error",
    plugins: [ascPlugin(), leanShaders(), scriptText()],
    build: {
      write: false,
      target: "es2022",
      copyPublicDir: false,
      lib: { entry, formats: ["iife"], name: "webmoe", fileName: "script" },
    },
  });
  const files = [outputs].flat().flatMap((output) => ("output" in output ? output.output : []));
  const [file] = files;
  if (files.length !== 1 || file?.type !== "chunk" || /\bimport\.meta\b|\bimport\(/.test(file.code))
    throw new Error(`${entry} needs files beside it: ${files.map(({ fileName }) => fileName).join(", ")}.`);
  return file.code;
}

/** `import text from "./worker.ts?script"` gives the text of a script that needs nothing beside it. */
export function scriptText(): Plugin {
  return {
    name: "webmoe-script-text",
    enforce: "pre",
    async load(id) {
      const entry = /^(.*\.(?:ts|mjs))\?script$/.exec(id)?.[1];
      return entry === undefined ? null : `export default ${JSON.stringify(await bundle(entry))};`;
    },
  };
}
