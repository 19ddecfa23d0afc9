import { copyFile, readdir } from "node:fs/promises";
import { build } from "esbuild";

await build({ entryPoints: ["src/main.js"], bundle: true, format: "esm", minify: true, outdir: "dist" });
await copyFile("index.html", "dist/index.html");
const library = "node_modules/webmoe/dist/lib";
for (const name of await readdir(library))
  if (/^(worker|helper-browser)\.js$|\.wasm$/.test(name))
    await copyFile(`${library}/${name}`, `dist/${name}`);
