/**
 * Servers for browser tests, one a worker, started when a test first asks for them:
 *
 * - `site`: the built page under a sub-path;
 * - `sources`: the sources through Vite, for `e2e/kernels`.
 *
 * Playwright wants a destructured first argument even of a fixture that needs no other, hence `browserName: _`.
 */
import { test as base } from "@playwright/test";
import { serveSources } from "./dev.ts";
import { type Served, serveSite } from "./site.ts";

export const test = base.extend<Record<never, never>, { site: Served; sources: Served }>({
  site: [
    async ({ browserName: _ }, use) => {
      const server = await serveSite();
      await use(server);
      await server.close();
    },
    { scope: "worker" },
  ],
  sources: [
    async ({ browserName: _ }, use) => {
      const server = await serveSources();
      await use(server);
      await server.close();
    },
    { scope: "worker" },
  ],
});

export { expect } from "@playwright/test";
export { type Served, SUB_PATH, serveSite } from "./site.ts";
