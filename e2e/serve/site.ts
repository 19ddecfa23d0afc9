import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type StaticOptions, serveStatic } from "../../tools/run/static-server.mjs";

/** Where tests put the built site: any static server, any folder. */
export const SUB_PATH = "/some/sub/path/";

export interface Served {
  /** Ends with a slash. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves the built site under a sub-path, with the page's security headers. */
export async function serveSite(options: Omit<StaticOptions, "root"> = {}): Promise<Served> {
  const root = fileURLToPath(new URL("../../dist", import.meta.url));
  if (!existsSync(`${root}/index.html`)) throw new Error("dist/ has no page: run `npm run build` first.");
  return serveStatic({ prefix: SUB_PATH, ...options, root });
}
