/**
 * Keeps the page for offline use and isolates it, on hosts that cannot set headers.
 *
 * It answers two kinds of requests, from its own caches: for the page itself, and for the scripts, styles and wasm the
 * page was built with. All others — models above all, and anything with a Range — pass by untouched. The page's own
 * files are cached when it is installed, the engine's when a model has been loaded (`keep-engine`): whoever only looks
 * downloads little.
 *
 * What it answers carries COOP and COEP, so from the second visit on the page is `crossOriginIsolated` and computes on
 * threads. An update waits until the page says `take-over`.
 */
import { cleanupOutdatedCaches, matchPrecache, type PrecacheEntry, precache } from "workbox-precaching";

declare const self: ServiceWorkerGlobalScope & {
  readonly __WB_MANIFEST: readonly (string | PrecacheEntry)[];
};

const ENGINE_CACHE = `webmoe-engine-${self.registration.scope}`;
const PAGE = "index.html";

const urlOf = (entry: string | PrecacheEntry): string => (typeof entry === "string" ? entry : entry.url);
/** All that the page's entry loads later: the worker, wasm, Markdown. Their names carry a hash of what they hold. */
const isEngine = (url: string): boolean => url.startsWith("assets/") && !url.startsWith("assets/index-");

const manifest = self.__WB_MANIFEST;
const engineUrls = manifest
  .map(urlOf)
  .filter(isEngine)
  .map((url) => new URL(url, self.location.href).href);

async function keepEngine(): Promise<void> {
  const cache = await caches.open(ENGINE_CACHE);
  await Promise.all(
    engineUrls.map(async (url) => {
      if (!(await cache.match(url))) await cache.add(url);
    }),
  );
}

/** Files of engines before this one. */
async function dropOldEngines(): Promise<void> {
  const cache = await caches.open(ENGINE_CACHE);
  for (const { url } of await cache.keys()) if (!engineUrls.includes(url)) await cache.delete(url);
}

function isolated(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

/** The kept file that answers a request; undefined if the request is none of ours. */
function keptName(request: Request): string | undefined {
  const url = new URL(request.url);
  if (request.method !== "GET" || request.headers.has("range") || url.origin !== self.location.origin)
    return undefined;
  const { scope } = self.registration;
  if (!url.href.startsWith(scope)) return undefined;
  const path = url.href.slice(scope.length).split(/[?#]/, 1)[0]!;
  if (request.mode === "navigate") return path === "" || path === PAGE ? PAGE : undefined;
  return manifest.some((entry) => urlOf(entry) === path) ? path : undefined;
}

async function answer(request: Request, name: string): Promise<Response> {
  const kept = isEngine(name)
    ? await (await caches.open(ENGINE_CACHE)).match(new URL(name, self.registration.scope).href)
    : await matchPrecache(name);
  return isolated(kept ?? (await fetch(request)));
}

precache(manifest.filter((entry) => !isEngine(urlOf(entry))));
cleanupOutdatedCaches();

self.addEventListener("install", (event) => {
  // Who had an engine offline must not lose it by an update.
  const renew = async (): Promise<void> => {
    if (await caches.has(ENGINE_CACHE)) await keepEngine();
  };
  event.waitUntil(renew());
});
self.addEventListener("activate", (event) => {
  const prune = async (): Promise<void> => {
    if (await caches.has(ENGINE_CACHE)) await dropOldEngines();
  };
  event.waitUntil(prune());
});
self.addEventListener("message", (event) => {
  if (event.data === "keep-engine") event.waitUntil(keepEngine());
  else if (event.data === "take-over") void self.skipWaiting();
});
self.addEventListener("fetch", (event) => {
  const name = keptName(event.request);
  if (name !== undefined) event.respondWith(answer(event.request, name));
});
