// @ts-check
/** A helper's script in Node, where the thread ends as `help` returns. */
import { parentPort, workerData } from "node:worker_threads";
import { help } from "./helper.mjs";

await help(workerData, () => parentPort?.postMessage("ready"), { rests: false });
