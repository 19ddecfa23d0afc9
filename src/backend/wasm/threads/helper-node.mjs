// @ts-check
/** A helper's script in Node. */
import { parentPort, workerData } from "node:worker_threads";
import { help } from "./helper.mjs";

help(workerData, () => parentPort?.postMessage("ready"));
