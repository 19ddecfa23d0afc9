/** The built library and, where it is installed, llama.cpp: both as their users meet them. */
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Model } from "../../src/api/model.ts";

/** Imports a file by URL in Node itself, without the tools' bundler. */
export type ImportFile = (url: string) => Promise<unknown>;

const LIBRARY = fileURLToPath(new URL("../../dist/lib/node.js", import.meta.url));
const ORACLE = fileURLToPath(new URL("../oracle", import.meta.url));

/** Opens a file on the WASM backend with all experts in memory. Throws if the library is not built. */
export async function openModel(importFile: ImportFile, path: string): Promise<Model> {
  if (!existsSync(LIBRARY)) throw new Error("The library is not built: npm run build.");
  const { WebMoE } = (await importFile(pathToFileURL(LIBRARY).href)) as typeof import("../../src/node.ts");
  return WebMoE.load(path, { store: "memory", expertBudget: "all", threads: 1, activations: "f32" });
}

/** Throws if llama.cpp is not installed. */
export async function loadOracle(importFile: ImportFile): Promise<typeof import("../oracle/oracle.mjs")> {
  if (!existsSync(`${ORACLE}/node_modules`))
    throw new Error("llama.cpp is not installed: npm ci --prefix tools/oracle.");
  return (await importFile(
    pathToFileURL(`${ORACLE}/oracle.mjs`).href,
  )) as typeof import("../oracle/oracle.mjs");
}
