// @ts-check
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";
import { ROOT } from "../models.mjs";

/**
 * Builds `webmoe.ts` into `directory` and loads it.
 * @param {string} directory
 * @returns {Promise<typeof import("./webmoe.ts")>}
 */
export async function loadWebMoE(directory) {
  await build({
    root: ROOT,
    configFile: join(ROOT, "vite.config.ts"),
    logLevel: "error",
    build: {
      outDir: directory,
      emptyOutDir: false,
      copyPublicDir: false,
      target: "es2022",
      lib: { entry: { webmoe: fileURLToPath(new URL("webmoe.ts", import.meta.url)) }, formats: ["es"] },
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
  return import(pathToFileURL(join(directory, "webmoe.js")).href);
}
