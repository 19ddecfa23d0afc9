import plain from "../../asm/compute/index.ts?asc&inline";
import relaxed from "../../asm/compute/index.ts?asc&relaxed&inline";
import shared from "../../asm/compute/index.ts?asc&shared&inline";
import sharedRelaxed from "../../asm/compute/index.ts?asc&shared&relaxed&inline";
import core from "../../asm/core/index.ts?asc&inline";
import { handOver } from "../backend/wasm/threads/hand-over.ts";
import helperText from "../backend/wasm/threads/helper-browser.mjs?script";
import type { EngineCode } from "../engine/browser-platform.ts";
import { startScript } from "../worker/start-script.ts";

/** Not by a `data:` address, which a page's connect-src would have to allow. */
async function compile(deflated: string): Promise<WebAssembly.Module> {
  const bytes = Uint8Array.from(atob(deflated), (character) => character.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return WebAssembly.compile(await new Response(inflated).arrayBuffer());
}

/** The engine's code inside one script: nothing is fetched. */
export const codeInside: EngineCode = {
  compileCore: () => compile(core),
  compileCompute: ({ shared: isShared, relaxed: isRelaxed }) => {
    if (isRelaxed) return compile(isShared ? sharedRelaxed : relaxed);
    return compile(isShared ? shared : plain);
  },
  startHelper: async (init) => handOver(startScript(helperText, "classic", "webmoe-helper"), init),
};
