// @ts-check
/** Runs cases one after the other, so that one that hangs can be ended from outside. */
import { parentPort, workerData } from "node:worker_threads";
import { makeCase } from "./cases.mjs";
import { ENGINE_BYTES, garbageCollector, withPeak } from "./memory.mjs";
import { soundModels } from "./models.mjs";
import { runCase } from "./run-case.mjs";

/**
 * @typedef {{ index: number, kind: string, description: string }} Started
 * @typedef {Started & { outcome: import("./run-case.mjs").Outcome, ms: number }} Ended
 */
const { library: path, seed, indices } = workerData;
const library = await import(path);
const models = await soundModels();
const collectGarbage = garbageCollector();

// Nothing awaits it, so nothing told the user: as bad as an untyped error.
process.on("unhandledRejection", (reason) => {
  throw new Error(`an unhandled rejection: ${reason instanceof Error ? reason.stack : reason}`);
});

for (const index of indices) {
  const fuzzCase = makeCase(models, seed, index);
  const { kind, description } = fuzzCase;
  parentPort?.postMessage({ started: { index, kind, description } });
  const began = performance.now();
  const { result, addedBytes } = await withPeak(() => runCase(library, fuzzCase));
  const ms = performance.now() - began;
  const fileBytes = fuzzCase.files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const outcome =
    addedBytes !== undefined && addedBytes > 2 * fileBytes + ENGINE_BYTES
      ? { kind: "failure", why: `${addedBytes} bytes of memory for a file of ${fileBytes}` }
      : result;
  collectGarbage();
  parentPort?.postMessage({ ended: { index, kind, description, outcome, ms } });
}
