import { fileURLToPath } from "node:url";
import type { UserConfig } from "vite";
import { defineConfig } from "vitest/config";
import { ascPlugin } from "./tools/vite/asc.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Names without hashes: a library's files are addressed by its users, and versioned by its package. */
const plainNames = {
  entryFileNames: "[name].js",
  chunkFileNames: "[name].js",
  assetFileNames: "[name][extname]",
};

/** One of the library's two faces: `webmoe.js` with worker and wasm beside it, or `node.js`. */
function library(name: string, entry: string): UserConfig["build"] {
  return {
    target: "es2022",
    outDir: at("dist/lib"),
    emptyOutDir: false,
    copyPublicDir: false,
    sourcemap: true,
    lib: { entry: { [name]: at(entry) }, formats: ["es"] },
    rollupOptions: { external: [/^node:/], output: plainNames },
  };
}

const BUILDS: Readonly<Record<string, UserConfig["build"]>> = {
  site: { target: "es2022", outDir: at("dist"), emptyOutDir: true },
  lib: library("webmoe", "src/index.ts"),
  node: library("node", "src/node.ts"),
};

export default defineConfig(({ mode }) => ({
  // Relative, so that the site works from any sub-path of any static server.
  base: "./",
  plugins: [ascPlugin()],
  worker: {
    format: "es",
    plugins: () => [ascPlugin()],
    rollupOptions: {
      external: [/^node:/],
      ...(mode === "site" ? {} : { output: plainNames }),
    },
  },
  build: BUILDS[mode] ?? BUILDS.site,
  test: { include: ["{src,asm,tools,bench}/**/*.test.ts"], environment: "node", testTimeout: 30_000 },
}));
