import { fileURLToPath } from "node:url";
import { createServer } from "vite";
import type { Served } from "./site.ts";

/** Serves the sources through Vite, for pages that test modules rather than the built site. */
export async function serveSources(): Promise<Served> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const server = await createServer({
    root,
    configFile: `${root}/vite.config.ts`,
    cacheDir: `${root}/.cache/vite-e2e`,
    logLevel: "error",
    // A file watcher and reloads would only disturb a test.
    server: { port: 0, strictPort: false, host: "127.0.0.1", watch: null, hmr: false },
  });
  await server.listen();
  const address = server.httpServer?.address();
  if (typeof address !== "object" || !address) throw new Error("Vite is not listening.");
  return {
    url: `http://localhost:${address.port}/`,
    port: address.port,
    close: () => server.close(),
  };
}
