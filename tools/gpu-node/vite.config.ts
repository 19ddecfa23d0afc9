import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { ascPlugin } from "../vite/asc.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Bundles engine.ts to `dist/engine.js` beside it, where `webgpu` is found. */
export default defineConfig({
  root: at("../.."),
  base: "./",
  plugins: [ascPlugin()],
  worker: { format: "es" },
  build: {
    target: "es2022",
    outDir: at("dist"),
    emptyOutDir: true,
    copyPublicDir: false,
    lib: { entry: { engine: at("engine.ts") }, formats: ["es"] },
    rollupOptions: {
      external: [/^node:/, "webgpu"],
      output: { entryFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
  },
});
