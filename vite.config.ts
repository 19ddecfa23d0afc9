import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { ascPlugin } from "./tools/vite/asc.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  base: "./",
  plugins: [ascPlugin()],
  worker: { format: "es", plugins: () => [ascPlugin()] },
  build: { target: "es2022", outDir: at("dist"), emptyOutDir: true },
  test: { include: ["{src,asm,tools}/**/*.test.ts"], environment: "node", testTimeout: 30_000 },
});
