// @ts-check
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, resolve, sep } from "node:path";
import { pipeline } from "node:stream";

/** @type {Readonly<Record<string, string>>} */
const MIME_TYPES = {
  ".css": "text/css; charset=utf-8",
  ".gguf": "application/octet-stream",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".md": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};

/** Model URLs may be anywhere, hence `connect-src *`; code comes from the site only. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "connect-src *",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
].join("; ");

/** What makes a page `crossOriginIsolated`, and with it shared memory and threads. */
const ISOLATION_HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/**
 * @typedef {object} StaticOptions
 * @property {string | Readonly<Record<string, string>>} root folder to serve, or URL path → folder
 * @property {number} [port] 0 (default) takes any free one
 * @property {string} [host] default 127.0.0.1
 * @property {string} [prefix] URL path the site lies under, for example `/some/path/`; the rest is 404
 * @property {Readonly<Record<string, string>>} [headers] added to, or replacing, the default ones
 * @property {boolean} [range] false ignores Range headers, as some servers do
 * @property {boolean} [isolated] sends COOP and COEP
 */

/**
 * One byte range of a file of `size` bytes (RFC 9110, 14.1.2).
 * @param {string | undefined} header
 * @param {number} size
 * @returns {{ start: number, end: number } | "unsatisfiable" | undefined} end exclusive; undefined: whole file
 */
export function parseRange(header, size) {
  const match = header === undefined ? null : /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") {
    const suffix = Math.min(Number(match[2]), size);
    return suffix === 0 ? "unsatisfiable" : { start: size - suffix, end: size };
  }
  const start = Number(match[1]);
  const end = match[2] === "" ? size : Math.min(Number(match[2]) + 1, size);
  if (match[2] !== "" && Number(match[2]) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end };
}

/**
 * The file that a URL path names below a root; undefined if there is none, or if it lies outside.
 * @param {ReadonlyArray<readonly [string, string]>} mounts longest path first
 * @param {string} pathname
 */
async function resolveFile(mounts, pathname) {
  let decoded;
  try {
    decoded = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  if (decoded.includes("\0")) return undefined;
  const mount = mounts.find(([path]) => decoded.startsWith(path));
  if (!mount) return undefined;
  const base = resolve(mount[1]);
  const wanted = resolve(join(base, decoded.slice(mount[0].length)));
  try {
    // A link inside the folder may point out of it: the real paths are compared.
    const [realBase, realFile] = await Promise.all([realpath(base), realpath(wanted)]);
    if (realFile !== realBase && !realFile.startsWith(realBase + sep)) return undefined;
    const info = await stat(realFile);
    if (!info.isDirectory()) return info.isFile() ? { path: realFile, info } : undefined;
    const index = join(realFile, "index.html");
    return { path: index, info: await stat(index) };
  } catch {
    return undefined;
  }
}

/**
 * Serves files over HTTP with ranges, ETags and the page's security headers.
 * @param {StaticOptions} options
 * @returns {Promise<{ url: string, port: number, close: () => Promise<void> }>} `url` ends with the prefix
 * @throws `EADDRINUSE` if the port is taken
 */
export async function serveStatic(options) {
  const {
    root,
    port = 0,
    host = "127.0.0.1",
    prefix = "/",
    headers = {},
    range = true,
    isolated = false,
  } = options;
  const site = `/${prefix}/`.replace(/\/+/g, "/");
  const mounts = Object.entries(typeof root === "string" ? { "/": root } : root)
    .map(([path, folder]) => /** @type {const} */ ([`${site}${path}/`.replace(/\/+/g, "/"), folder]))
    .sort((a, b) => b[0].length - a[0].length);

  const server = createServer(async (request, response) => {
    const common = {
      "Content-Security-Policy": CONTENT_SECURITY_POLICY,
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": "no-cache",
      ...(isolated ? ISOLATION_HEADERS : {}),
      ...headers,
    };
    /** @param {number} status @param {Record<string, string | number>} [more] */
    const finish = (status, more = {}) => response.writeHead(status, { ...common, ...more }).end();

    if (request.method !== "GET" && request.method !== "HEAD") return finish(405, { Allow: "GET, HEAD" });
    // Not `new URL`, which would resolve `..` before it could be refused.
    const pathname = (request.url ?? "/").split(/[?#]/, 1)[0] ?? "/";
    const file = await resolveFile(mounts, pathname);
    if (!file) return finish(404);
    if (file.info.isFile() && file.path.endsWith("index.html") && !/(\/|\.html)$/.test(pathname)) {
      return finish(301, { Location: `${pathname}/` });
    }
    const { size } = file.info;
    const etag = `"${size.toString(16)}-${Math.round(file.info.mtimeMs).toString(16)}"`;
    const described = {
      ETag: etag,
      "Last-Modified": file.info.mtime.toUTCString(),
      "Content-Type": MIME_TYPES[extname(file.path).toLowerCase()] ?? "application/octet-stream",
      ...(range ? { "Accept-Ranges": "bytes" } : {}),
    };
    if (request.headers["if-none-match"] === etag) return finish(304, described);

    // A range is meant for the version that If-Range names; of another version the whole file is sent.
    const condition = request.headers["if-range"];
    const honoured = range && (condition === undefined || condition === etag);
    const part = honoured ? parseRange(request.headers.range, size) : undefined;
    if (part === "unsatisfiable") return finish(416, { ...described, "Content-Range": `bytes */${size}` });
    const { start, end } = part ?? { start: 0, end: size };
    response.writeHead(part ? 206 : 200, {
      ...common,
      ...described,
      "Content-Length": end - start,
      ...(part ? { "Content-Range": `bytes ${start}-${end - 1}/${size}` } : {}),
    });
    if (request.method === "HEAD" || end === start) return response.end();
    // The callback takes the error of a client that went away in the middle; there is nobody left to tell.
    pipeline(createReadStream(file.path, { start, end: end - 1 }), response, () => {});
  });

  await new Promise((listening, failed) => {
    server.once("error", failed);
    server.listen(port, host, () => listening(undefined));
  });
  const address = server.address();
  const actualPort = typeof address === "object" && address ? address.port : port;
  return {
    url: `http://localhost:${actualPort}${site}`,
    port: actualPort,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
