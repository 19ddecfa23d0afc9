import { WebMoEError } from "../api/errors.ts";

const WHERE =
  "The library's wasm files must lie beside its worker's script, or in the folder that `wasmUrl` names";

/**
 * Fetches and compiles a module in a page or worker, whatever MIME type a static server gives it.
 *
 * Errors: `network` if it is not there or is something else; the engine's own error where a policy forbids WebAssembly.
 */
export async function compileWasm(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new WebMoEError("network", `${url} could not be fetched. ${WHERE}.`, { cause });
  });
  if (!response.ok) throw new WebMoEError("network", `${url}: HTTP ${response.status}. ${WHERE}.`);
  const type = response.headers.get("content-type") ?? "";
  // What many servers send instead of "not found".
  if (type.startsWith("text/html")) throw new WebMoEError("network", `${url} is a page of HTML. ${WHERE}.`);
  return type.startsWith("application/wasm")
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}
