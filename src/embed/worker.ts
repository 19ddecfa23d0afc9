import { expose } from "comlink";
import { browserPlatform } from "../engine/browser-platform.ts";
import { loadModel } from "../engine/engine.ts";
import { carryErrors } from "../worker/errors.ts";
import { engineHost } from "../worker/host.ts";
import { codeInside } from "./code.ts";

carryErrors();
expose(engineHost((source, options) => loadModel(source, options, browserPlatform(codeInside))));
