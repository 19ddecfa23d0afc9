import { expose } from "comlink";
import { browserPlatform } from "../engine/browser-platform.ts";
import { loadModel } from "../engine/engine.ts";
import { openStoreManager } from "../engine/manager.ts";
import { codeFiles } from "./code.ts";
import { carryErrors } from "./errors.ts";
import { engineHost } from "./host.ts";
import { managerHost } from "./manager-host.ts";

carryErrors();
expose({
  ...engineHost((source, options) => loadModel(source, options, browserPlatform(codeFiles(options.wasmUrl)))),
  ...managerHost((wasmUrl) => openStoreManager(browserPlatform(codeFiles(wasmUrl)))),
});
