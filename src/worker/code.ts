import coreUrl from "../../asm/core/index.ts?asc";
import { startBrowserHelper } from "../backend/wasm/threads/start-browser.ts";
import type { EngineCode } from "../engine/browser-platform.ts";
import { compileWasm } from "../wasm/compile.ts";
import { computeFileName, computeUrl } from "../wasm/compute-builds.ts";

/** The engine's code as files beside the worker's script; its wasm files in the folder `wasmUrl`, if that is given. */
export function codeFiles(wasmUrl: string | undefined): EngineCode {
  const folder = wasmUrl?.replace(/\/?$/, "/");
  const at = (beside: string, name: string): string => (folder ? new URL(name, folder).href : beside);
  return {
    compileCore: () => compileWasm(at(coreUrl, "core.wasm")),
    compileCompute: (build) => compileWasm(at(computeUrl(build), computeFileName(build))),
    startHelper: startBrowserHelper,
  };
}
