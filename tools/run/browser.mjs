// @ts-check
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runLoud, runQuiet } from "./install.mjs";

/** Names a system package gives Chromium, in order of preference. */
const SYSTEM_NAMES = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];

/**
 * `--enable-unsafe-webgpu` is what makes an adapter appear headless. The rest keeps a fresh profile off the network.
 */
const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-unsafe-webgpu",
];

/** Tests compute on the same adapter on every machine; benchmarks on the one that the machine has. */
const ADAPTER_FLAGS = { software: ["--use-webgpu-adapter=swiftshader"], any: [] };

/**
 * A browser file that exists may still lack its libraries, so it is asked for its version.
 * @param {string} path
 */
async function starts(path) {
  return existsSync(path) && (await runQuiet(path, ["--version", "--no-sandbox"])).code === 0;
}

async function playwrightPath() {
  const { chromium } = await import("playwright");
  return chromium.executablePath();
}

async function systemBrowser() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const fixed = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];
  const candidates = SYSTEM_NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  for (const path of [...candidates, ...fixed]) if (await starts(path)) return path;
  return undefined;
}

/**
 * The Chromium to test with: `WEBMOE_CHROMIUM`, an installed Playwright Chromium, a system one, then what
 * Playwright or Debian can install, in this order.
 *
 * @param {string} root the package's folder
 * @param {{ install?: boolean }} [options] `install: false` only looks
 * @returns {Promise<string | undefined>} path of a system browser; undefined means Playwright's own
 * @throws if no browser can be had
 */
export async function findChromium(root, { install = true } = {}) {
  const given = process.env.WEBMOE_CHROMIUM;
  if (given) {
    if (await starts(given)) return given;
    throw new Error(`WEBMOE_CHROMIUM is ${given}, which does not start.`);
  }
  if (await starts(await playwrightPath())) return undefined;
  const system = await systemBrowser();
  if (system) return system;
  if (install) {
    console.log("No Chromium found: asking Playwright to install one …");
    await runLoud("npx", ["playwright", "install", "--with-deps", "chromium"], { cwd: root });
    if (await starts(await playwrightPath())) return undefined;
    if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
      console.log("Playwright could not: asking apt-get for Debian's chromium …");
      await runLoud("apt-get", ["update", "-qq"], { cwd: root });
      await runLoud("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], {
        cwd: root,
      });
      const installed = await systemBrowser();
      if (installed) return installed;
    }
  }
  throw new Error(
    "No Chromium to test with. Install one (npx playwright install --with-deps chromium, or your system's " +
      "chromium package) or set WEBMOE_CHROMIUM to the path of one.",
  );
}

/**
 * Playwright's launch options for a browser that `findChromium` found.
 * @param {string | undefined} executablePath
 * @param {keyof typeof ADAPTER_FLAGS} [adapter]
 */
export function launchOptions(executablePath, adapter = "software") {
  // Playwright's own Chromium in headless mode is another program (headless shell) unless the channel says so.
  const browser = executablePath ? { executablePath } : { channel: "chromium" };
  return { ...browser, headless: true, args: [...FLAGS, ...ADAPTER_FLAGS[adapter]] };
}

/**
 * Starts Chromium for tools outside the test runner.
 * @param {string} root
 * @param {keyof typeof ADAPTER_FLAGS} [adapter]
 */
export async function launchChromium(root, adapter = "software") {
  const { chromium } = await import("playwright");
  return chromium.launch(launchOptions(await findChromium(root), adapter));
}
