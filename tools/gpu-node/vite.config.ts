import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { ascPlugin } from "../vite/asc.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Bundles engine.ts and kernels.ts to `dist` beside them, where `webgpu` is found. */
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
    lib: { entry: { engine: at("engine.ts"), kernels: at("kernels.ts") }, formats: ["es"] },
    rollupOptions: {
      external: [/^node:/, "webgpu"],
      output: { entryFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
  },
});
