// @ts-check
/** What a page with its workers holds, seen from outside: through the debugger, and in /proc. */
import { familyPss } from "../../bench/processes.mjs";

/**
 * @typedef {import("../../bench/unwatched-browser.mjs").Debugger} Debugger
 *
 * @typedef {object} Counts of all workers, as page/counts.js keeps them
 * @property {number} openTransactions
 * @property {number} pendingFetches
 * @property {number} wasmBytes
 * @property {number} gpuBytes
 *
 * @typedef {Counts & {
 *   workers: number, pageHeap: number, pageBuffers: number, workerHeap: number, workerBuffers: number, pss: number
 * }} Seen bytes. Heaps: JavaScript and DOM objects; buffers: what ArrayBuffers hold; pss: of all the browser's processes,
 *   without files, whose share falls when another browser starts
 */

/** How long what was begun may take to end before it counts as left open. */
const QUIET_LIMIT_MS = 5000;
const LOOK_EVERY_MS = 50;

const sleep = (/** @type {number} */ ms) => new Promise((wake) => setTimeout(wake, ms));

/** @param {Debugger} debug @param {number} processId the browser's */
export async function createProbe({ sessionId, send, onEvent }, processId) {
  /** Sessions of the workers that run, workers' workers too. @type {Set<string>} */
  const workers = new Set();
  const attach = (/** @type {string} */ session) =>
    send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: true }, session);
  onEvent(({ method, params }) => {
    if (method === "Target.attachedToTarget" && params.targetInfo.type === "worker") {
      workers.add(params.sessionId);
      // One that ends at once has no workers of its own.
      attach(params.sessionId).catch(() => undefined);
    } else if (method === "Target.detachedFromTarget") workers.delete(params.sessionId);
  });
  await attach(sessionId);

  /** @returns {Promise<Counts>} */
  async function counts() {
    const sum = { openTransactions: 0, pendingFetches: 0, wasmBytes: 0, gpuBytes: 0 };
    for (const worker of workers) {
      const expression = { expression: "globalThis.soakCounts?.()", returnByValue: true };
      const { value } = (await send("Runtime.evaluate", expression, worker)).result;
      // Helper threads count nothing: they fetch nothing, and their memory is the engine's.
      if (value) for (const key of /** @type {(keyof Counts)[]} */ (Object.keys(sum))) sum[key] += value[key];
    }
    return sum;
  }

  /** Live bytes of a page or worker. @param {string} session */
  async function heapOf(session) {
    // What a first collection finalises, a second one frees.
    for (let i = 0; i < 2; i++) await send("HeapProfiler.collectGarbage", {}, session);
    const { usedSize, embedderHeapUsedSize, backingStorageSize } = await send(
      "Runtime.getHeapUsage",
      {},
      session,
    );
    return { heap: usedSize + embedderHeapUsedSize, buffers: backingStorageSize };
  }

  return {
    /** Once nothing is open any more, or after QUIET_LIMIT_MS. @returns {Promise<Seen>} */
    async look() {
      const until = performance.now() + QUIET_LIMIT_MS;
      let counted = await counts();
      while (counted.openTransactions + counted.pendingFetches > 0 && performance.now() < until) {
        await sleep(LOOK_EVERY_MS);
        counted = await counts();
      }
      const page = await heapOf(sessionId);
      const inWorkers = [];
      for (const worker of workers) inWorkers.push(await heapOf(worker));
      return {
        ...(await counts()),
        openTransactions: counted.openTransactions,
        pendingFetches: counted.pendingFetches,
        workers: workers.size,
        pageHeap: page.heap,
        pageBuffers: page.buffers,
        workerHeap: inWorkers.reduce((sum, { heap }) => sum + heap, 0),
        workerBuffers: inWorkers.reduce((sum, { buffers }) => sum + buffers, 0),
        pss: (await familyPss(processId)).withoutFiles,
      };
    },
    /** Workers that are still there once they have had time to end. */
    async workersLeft() {
      const until = performance.now() + QUIET_LIMIT_MS;
      while (workers.size > 0 && performance.now() < until) await sleep(LOOK_EVERY_MS);
      return workers.size;
    },
  };
}
