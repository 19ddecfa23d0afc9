// @ts-check
/**
 * `npm run samples`: the package as its users get it. Packs what `npm run build` made, installs the tarball into a copy of
 * each sample app, builds the app with its own bundler and lets it write in a browser. All must say what the library
 * says in Node.
 *
 * `npm run samples -- vite rollup` runs these only.
 */
import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { pack } from "../release/pack.mjs";
import { launchChromium } from "../run/browser.mjs";
import { runOrThrow } from "../run/install.mjs";
import { serveStatic } from "../run/static-server.mjs";

const SAMPLES = ["vite", "webpack", "esbuild", "rollup"];
const PROMPT = "Once upon a time";

const root = fileURLToPath(new URL("../..", import.meta.url));
const models = join(root, "public", "models");
const work = join(root, ".cache", "samples");

/** What the apps' prompt is answered with, greedily. */
async function expectedText() {
  const { WebMoE } = await import(pathToFileURL(join(root, "dist", "lib", "node.js")).href);
  const model = await WebMoE.load(join(models, "demo-moe-q4_k.gguf"));
  let text = "";
  for await (const token of model.generate(PROMPT, { maxTokens: 24, temperature: 0 })) text += token.text;
  await model.dispose();
  return text;
}

/**
 * What the page at `url` writes.
 * @param {import("playwright").Browser} browser @param {string} url
 */
async function textOf(browser, url) {
  const page = await browser.newPage();
  /** @type {string[]} */
  const failures = [];
  page.on("console", (message) => message.type() === "error" && failures.push(message.text()));
  page.on("pageerror", (error) => failures.push(String(error)));
  try {
    await page.goto(url);
    await page.locator("body[data-done]").waitFor({ state: "attached", timeout: 60_000 });
    return (await page.locator("#output").textContent()) ?? "";
  } catch (error) {
    throw new Error(`${url} wrote nothing.\n${failures.join("\n")}`, { cause: error });
  } finally {
    await page.close();
  }
}

/** @param {string} name @param {string} tarball */
async function build(name, tarball) {
  const folder = join(work, name);
  await rm(folder, { recursive: true, force: true });
  await cp(join(root, "tools", "samples", name), folder, { recursive: true });
  const quiet = ["--no-audit", "--no-fund"];
  await runOrThrow("npm", ["ci", ...quiet], folder);
  await runOrThrow("npm", ["install", "--no-save", ...quiet, tarball], folder);
  await runOrThrow("npm", ["run", "build"], folder);
  return folder;
}

/** Vite serves sources in development, which is another way through a package than its build. */
async function viteDevServer(/** @type {string} */ folder) {
  const { createServer } = await import(
    pathToFileURL(join(folder, "node_modules", "vite", "dist", "node", "index.js")).href
  );
  await cp(models, join(folder, "public", "models"), { recursive: true });
  const server = await createServer({
    root: folder,
    logLevel: "error",
    server: { port: 0, host: "127.0.0.1" },
  });
  await server.listen();
  return { url: `http://localhost:${server.httpServer.address().port}/`, close: () => server.close() };
}

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !SAMPLES.includes(name));
if (unknown) throw new Error(`No sample is named ${unknown}; there are ${SAMPLES.join(", ")}.`);

await mkdir(work, { recursive: true });
const { path: tarball } = await pack(root, work);
const expected = await expectedText();
const browser = await launchChromium(root);
let failed = 0;

/** @param {string} what @param {string} url */
async function check(what, url) {
  const text = await textOf(browser, url);
  if (text === expected) return console.log(`${what}: ${JSON.stringify(text)}`);
  failed++;
  console.error(`${what}: ${JSON.stringify(text)} is not ${JSON.stringify(expected)}`);
}

try {
  for (const name of asked.length > 0 ? asked : SAMPLES) {
    const folder = await build(name, tarball);
    const server = await serveStatic({ root: { "/": join(folder, "dist"), "/models": models } });
    await check(name, server.url).finally(server.close);
    if (name !== "vite") continue;
    const dev = await viteDevServer(folder);
    await check("vite, dev server", dev.url).finally(dev.close);
  }
} finally {
  await browser.close();
}
process.exit(failed === 0 ? 0 : 1);
