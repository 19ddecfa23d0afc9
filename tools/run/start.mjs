// @ts-check
/** `npm start`: install what is missing, build, serve the page. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ensureInstalled, runQuiet } from "./install.mjs";
import { requireNode } from "./node-version.mjs";
import { serveStatic } from "./static-server.mjs";

const DEFAULT_PORT = 4173;
const PORTS_TRIED = 50;

/**
 * The first port from `first` on that is free.
 * @param {string} root
 * @param {number} first
 */
async function serveOnFreePort(root, first) {
  for (let port = first; port < first + PORTS_TRIED; port++) {
    try {
      return await serveStatic({ root, port, isolated: true });
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EADDRINUSE") throw error;
    }
  }
  throw new Error(`Ports ${first} to ${first + PORTS_TRIED - 1} are all taken. Set PORT to another one.`);
}

requireNode();
const root = fileURLToPath(new URL("../..", import.meta.url));
const firstPort = Number(process.env.PORT ?? DEFAULT_PORT);
try {
  if (!Number.isInteger(firstPort) || firstPort < 1 || firstPort > 65_535) {
    throw new Error(`PORT is "${process.env.PORT}"; it must be a number from 1 to 65535.`);
  }
  await ensureInstalled(root, "what WebMoE needs");
  console.log("Building …");
  const build = await runQuiet("npm", ["run", "build"], root);
  if (build.code !== 0 || !existsSync(`${root}/dist/index.html`)) {
    console.error(build.output);
    throw new Error("The build failed; see above.");
  }
  const server = await serveOnFreePort(`${root}/dist`, firstPort);
  console.log(`\n  WebMoE: ${server.url}\n\nCtrl-C stops the server.`);
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
    process.once(signal, async () => {
      await server.close();
      process.exit(0);
    });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
