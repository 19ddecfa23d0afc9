import { readFile } from "node:fs/promises";

/** Compiles a module beside the code, given as a file URL. */
export async function compileWasmFile(url: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(new Uint8Array(await readFile(new URL(url))));
}
