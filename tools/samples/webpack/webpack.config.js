import { copyFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** Puts the page beside the bundle. */
const page = {
  apply: (compiler) =>
    compiler.hooks.afterEmit.tapPromise("page", () => copyFile("index.html", "dist/index.html")),
};

export default {
  mode: "production",
  entry: "./src/main.js",
  output: { path: fileURLToPath(new URL("dist", import.meta.url)), publicPath: "auto" },
  performance: { hints: false },
  plugins: [page],
};
