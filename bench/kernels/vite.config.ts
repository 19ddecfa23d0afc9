import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { ascPlugin } from "../../tools/vite/asc.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Bundles the kernel benchmarks for pages and Node, with the wasm modules beside them. */
export default defineConfig({
  root: at("../.."),
  base: "./",
  plugins: [ascPlugin()],
  build: {
    target: "es2022",
    outDir: at("../../.cache/bench/kernels"),
    emptyOutDir: true,
    copyPublicDir: false,
    lib: { entry: { kernels: at("index.ts") }, formats: ["es"] },
    rollupOptions: {
      external: [/^node:/],
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
