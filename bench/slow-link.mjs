// @ts-check
/** A server of one file behind a slow link, which counts what it sends. */
import { createServer } from "node:http";
import { parseRange } from "../tools/run/static-server.mjs";

/** Connections take turns on the link after this many bytes. */
const CHUNK_BYTES = 16 * 1024;

/** Timers come late on a busy machine; so much is made up for, or the link would be slower than it says. */
const TIMER_SLACK_MS = 20;

/**
 * @typedef {object} Link
 * @property {number} bitsPerSecond of all connections together
 * @property {number} roundTripMs what every request waits before its answer begins
 *
 * @typedef {object} SlowServer
 * @property {string} url ends with a slash; every path below it is the file, to its client each another one
 * @property {() => { bytes: number, requests: number }} takeCounts since the last call
 * @property {() => Promise<void>} close
 */

/** @param {number} ms */
const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** @param {Uint8Array} file @param {Link} link @returns {Promise<SlowServer>} */
export async function serveSlowly(file, { bitsPerSecond, roundTripMs }) {
  let bytes = 0;
  let requests = 0;
  /** When the link is free again. */
  let free = 0;

  /** @param {number} length */
  async function pass(length) {
    free = Math.max(free, performance.now() - TIMER_SLACK_MS) + (length * 8000) / bitsPerSecond;
    const wait = free - performance.now();
    if (wait > 0) await sleep(wait);
  }

  const server = createServer(async (request, response) => {
    requests++;
    const range = parseRange(request.headers.range, file.length);
    const headers = {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Expose-Headers": "Content-Range, Content-Length, ETag",
      "Cross-Origin-Resource-Policy": "cross-origin",
    };
    if (request.method === "OPTIONS" || range === "unsatisfiable") {
      response.writeHead(range === "unsatisfiable" ? 416 : 204, {
        ...headers,
        "Access-Control-Allow-Headers": "*",
      });
      response.end();
      return;
    }
    const { start, end } = range ?? { start: 0, end: file.length };
    await sleep(roundTripMs);
    response.writeHead(range ? 206 : 200, {
      ...headers,
      "Accept-Ranges": "bytes",
      "Content-Type": "application/octet-stream",
      "Content-Length": end - start,
      ETag: '"one"',
      ...(range ? { "Content-Range": `bytes ${start}-${end - 1}/${file.length}` } : {}),
    });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    for (let at = start; at < end && !response.destroyed; at += CHUNK_BYTES) {
      const chunk = file.subarray(at, Math.min(end, at + CHUNK_BYTES));
      await pass(chunk.length);
      bytes += chunk.length;
      response.write(chunk);
    }
    response.end();
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", () => listening(undefined)));
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("The slow server is not listening.");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    takeCounts() {
      const counts = { bytes, requests };
      bytes = 0;
      requests = 0;
      return counts;
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed(undefined));
        server.closeAllConnections();
      }),
  };
}
