import { copyFile, mkdir, readdir } from "node:fs/promises";
import resolve from "@rollup/plugin-node-resolve";

const library = "node_modules/webmoe/dist/lib";

/** Copies the page, the worker's scripts and the wasm files. */
const files = {
  name: "copy-files",
  async writeBundle() {
    await mkdir("dist/webmoe", { recursive: true });
    await mkdir("dist/wasm", { recursive: true });
    await copyFile("index.html", "dist/index.html");
    for (const name of await readdir(library)) {
      if (/^(worker|helper-browser)\.js$/.test(name))
        await copyFile(`${library}/${name}`, `dist/webmoe/${name}`);
      if (name.endsWith(".wasm")) await copyFile(`${library}/${name}`, `dist/wasm/${name}`);
    }
  },
};

export default {
  input: "src/main.js",
  output: { dir: "dist", format: "es" },
  plugins: [resolve({ browser: true }), files],
};
