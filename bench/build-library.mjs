// @ts-check
import { join } from "node:path";
import { runOrThrow } from "../tools/run/install.mjs";
import { CACHE, ROOT } from "./files.mjs";

/** The library in a folder of its own: nothing else that is being tested is rebuilt under its feet. */
export async function buildLibrary(outDir = join(CACHE, "lib")) {
  console.log("Building the library …");
  for (const mode of ["lib", "node"]) {
    await runOrThrow("npx", ["vite", "build", "--mode", mode, "--outDir", outDir, "-l", "warn"], ROOT);
  }
}
