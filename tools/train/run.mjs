// @ts-check
/** `node tools/train/run.mjs <command> …`: everything about making the embedded model (see README.md). */
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";
import { requireNode } from "../run/node-version.mjs";

requireNode();
const main = fileURLToPath(new URL("main.ts", import.meta.url));
/** @type {{ module: typeof import("./main.ts") }} */
const { module } = await runnerImport(main, { configFile: false, logLevel: "error" });
try {
  await module.main(process.argv.slice(2), (url) => import(url));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
