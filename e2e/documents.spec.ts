/**
 * Every code sample of the README and of docs/ runs, in the order of its document: those that import the library in a
 * page, those that import its Node face in Node, HTML in a page of its own. A sample without an import goes on where
 * the one before it ended. A block in a language that nothing here can run fails.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { test as base, expect, type Page } from "@playwright/test";
import ts from "typescript";
import { integrity } from "../tools/release/hashes.mjs";
import { serveStatic } from "../tools/run/static-server.mjs";
import type { Served } from "./serve/site.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const work = join(root, ".cache", "documents");
const MODEL = "demo-moe-q4_k.gguf";

interface Block {
  readonly language: string;
  readonly text: string;
}

interface Sample extends Block {
  /** Document and number, for the name of its file and for messages. */
  readonly name: string;
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]) => ({
    language,
    text,
  }));
}

/** Programs are joined; each continuation has a scope of its own, so that it may use names again. */
function samplesOf(document: string, markdown: string): Sample[] {
  const samples: Sample[] = [];
  for (const { language, text } of blocksOf(markdown)) {
    const before = samples.at(-1);
    const isProgram = language === "ts" || language === "js";
    if (isProgram && !/from "webmoe/.test(text) && before?.language === language)
      samples[samples.length - 1] = { ...before, text: `${before.text}\n{\n${text}\n}\n` };
    else samples.push({ language, text, name: `${document.replaceAll(/\W+/g, "-")}-${samples.length + 1}` });
  }
  return samples;
}

async function documents(): Promise<Map<string, Sample[]>> {
  const pages = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md")).sort();
  const found = new Map<string, Sample[]>();
  for (const path of ["README.md", ...pages.map((name) => `docs/${name}`)])
    found.set(path, samplesOf(path, await readFile(join(root, path), "utf8")));
  return found;
}

interface Sites {
  /** Pages made of samples, and the library under `/lib/` and `/embed/`. */
  readonly pages: Served;
  readonly models: Served;
}

const test = base.extend<Record<never, never>, { sites: Sites }>({
  sites: [
    async ({ browserName: _ }, use) => {
      await rm(work, { recursive: true, force: true });
      await mkdir(work, { recursive: true });
      const pages = await serveStatic({
        root: {
          "/": work,
          "/lib": join(root, "dist", "lib"),
          "/embed": join(root, "dist", "embed"),
          "/repository": root,
        },
        headers: { "Content-Security-Policy": "", "Access-Control-Allow-Origin": "*" },
      });
      const models = await serveStatic({
        root: join(root, "public", "models"),
        headers: {
          "Access-Control-Allow-Origin": "*",
          "Access-Control-Expose-Headers": "Content-Range, ETag",
        },
      });
      await use({ pages, models });
      await Promise.all([pages.close(), models.close()]);
    },
    { scope: "worker" },
  ],
});

/** What the samples name, where it is here. */
async function inPlace(text: string, { pages, models }: Sites): Promise<string> {
  const hashes = new Map<string, string>();
  for (const name of ["webmoe-embed.js", "webmoe-embed.classic.js"]) {
    hashes.set(name, integrity(await readFile(join(root, "dist", "embed", name))));
  }
  return text
    .replaceAll("https://cdn.example/", `${pages.url}embed/`)
    .replaceAll("https://example.org/model.gguf", `${models.url}${MODEL}`)
    .replaceAll("https://example.org/", models.url)
    .replaceAll(/embed\/(\S+?)"(\s+)integrity="sha384-…"/g, (_, name: string, space: string) => {
      return `embed/${name}"${space}integrity="${hashes.get(name)}"`;
    });
}

const toJavaScript = (text: string): string =>
  ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  }).outputText;

async function runInNode({ name, text }: Sample): Promise<void> {
  const file = join(work, `${name}.mjs`);
  const model = join(root, "public", "models", MODEL);
  await writeFile(file, toJavaScript(text).replaceAll('"model.gguf"', JSON.stringify(model)));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(stderr, name).toBe("");
  expect(status, name).toBe(0);
  expect(stdout.trim(), `${name} says something`).not.toBe("");
}

/** Opens a page; `text` is what it says by then, in the console and on the page. */
async function said(page: Page, url: string): Promise<{ text: () => Promise<string>; errors: string[] }> {
  const lines: string[] = [];
  const errors: string[] = [];
  page.removeAllListeners();
  page.on("console", (message) => message.type() === "log" && lines.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  const text = async (): Promise<string> =>
    `${lines.join("\n")}${await page.locator("body").innerText()}`.trim();
  return { text, errors };
}

async function runInPage(page: Page, { name, text }: Sample, sites: Sites): Promise<void> {
  const script = toJavaScript(await inPlace(text, sites));
  await writeFile(
    join(work, `${name}.html`),
    `<!doctype html><meta charset="utf-8"><script type="importmap">{"imports":{"webmoe":"/lib/webmoe.js"}}</script>` +
      `<body><script type="module">\n${script}\ndocument.body.dataset.done = "true";</script></body>`,
  );
  const { text: whatItSays, errors } = await said(page, `${sites.pages.url}${name}.html`);
  const done = page.locator("body[data-done]").waitFor({ state: "attached", timeout: 30_000 });
  await done.catch(() => errors.push("It did not come to its end."));
  expect(errors, name).toEqual([]);
  expect(await whatItSays(), `${name} says something`).not.toBe("");
}

async function runAsPage(page: Page, { name, text }: Sample, sites: Sites): Promise<void> {
  const body = await inPlace(text, sites);
  await writeFile(join(work, `${name}.html`), `<!doctype html><meta charset="utf-8"><body>${body}</body>`);
  const { text: whatItSays, errors } = await said(page, `${sites.pages.url}${name}.html`);
  if (text.includes("<webmoe-chat"))
    await expect(page.getByRole("button", { name: "Start the chat (14.3 MB)" }), name).toBeVisible();
  else await expect.poll(whatItSays, { message: name }).toMatch(/\w+ \w+/);
  expect(errors, name).toEqual([]);
}

/** Commands are of npm, and name scripts that are there. */
async function checkCommands({ name, text }: Sample): Promise<void> {
  const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  for (const line of text.split("\n").filter(Boolean)) {
    const [command, verb, script] = line.split(/\s+/);
    expect(command, `${name}: ${line}`).toBe("npm");
    if (verb === "install") expect(script).toBe("webmoe");
    else expect(Object.keys(scripts), `${name}: ${line}`).toContain(verb === "run" ? script : verb);
  }
}

async function checkStyles(page: Page, { name, text }: Sample): Promise<void> {
  const rules = await page.evaluate((css) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    return [...sheet.cssRules].map((rule) => (rule as CSSStyleRule).style.length);
  }, text);
  expect(rules.length, name).toBe(text.split("{").length - 1);
  expect(Math.min(...rules), `${name}: every declaration is understood`).toBeGreaterThan(0);
}

test("every code sample in the README and docs/ runs", async ({ page, sites }) => {
  let programs = 0;
  for (const samples of (await documents()).values()) {
    for (const sample of samples) {
      const { language, text, name } = sample;
      if (language === "sh") await checkCommands(sample);
      else if (language === "css") await checkStyles(page, sample);
      else if (language === "html") await runAsPage(page, sample, sites);
      else if (language === "ts" && text.includes('from "webmoe/node"')) await runInNode(sample);
      else if (language === "ts") await runInPage(page, sample, sites);
      else expect(language, `${name}: a language that can be run, or text`).toBe("text");
      if (language === "ts") programs++;
    }
  }
  expect(programs).toBeGreaterThanOrEqual(6);
});

test("the examples run", async ({ page, sites }) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "examples", "node.mjs")], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/\d+ tokens\/s, \d+ hits/);

  await page.goto(`${sites.pages.url}repository/examples/script-tag.html`);
  await expect(page.getByRole("button", { name: "Start the chat (14.3 MB)" })).toBeVisible();

  await page.goto(`${sites.pages.url}repository/examples/module.html`);
  await expect(page.locator("#output")).toHaveText(/\w+ \w+ \w+/);
  await expect(page.getByRole("button", { name: "Stop" })).toBeDisabled();
});

test("every relative link of the documents leads to a file, and every part of one to a heading", async () => {
  const ofTools = (await readdir(join(root, "tools"))).map((name) => `tools/${name}/README.md`);
  const places = [
    ...(await documents()).keys(),
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "bench/README.md",
    "examples/README.md",
    "public/models/README.md",
    ...ofTools.filter((path) => existsSync(join(root, path))),
  ];
  for (const place of places) {
    const markdown = (await readFile(join(root, place), "utf8")).replaceAll(/^```[\s\S]*?^```$/gm, "");
    for (const [, target = ""] of markdown.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", heading] = target.split("#");
      const own = pathToFileURL(join(root, place));
      const file = path === "" ? own : new URL(path, own);
      const found = await readFile(file).catch(() => readdir(file).catch(() => undefined));
      expect(found, `${place}: ${target}`).toBeDefined();
      if (heading === undefined) continue;
      const headings = [...String(found).matchAll(/^#+ (.+)$/gm)].map(([, words = ""]) =>
        words
          .toLowerCase()
          .replaceAll(/[^\w -]/g, "")
          .replaceAll(" ", "-"),
      );
      expect(headings, `${place}: ${target}`).toContain(heading);
    }
  }
});
