/** What users of the package get: its files, its entries, its types. `npm run samples` lets bundlers have it. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { pack } from "../tools/release/pack.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const text = (path: string): Promise<string> => readFile(join(root, path), "utf8");

const SCRIPTS = ["helper-browser.js", "helper-node.js", "node.js", "webmoe.js", "worker.js"];
const WASM = ["", "-relaxed", "-shared", "-shared-relaxed"].map((build) => `compute${build}.wasm`);

/** Everything but the declarations below `dist/lib/types`. */
const FILES = [
  ...["CHANGELOG.md", "LICENSE", "README.md", "package.json"],
  ...["THIRD-PARTY-NOTICES.md", "webmoe-embed.classic.js", "webmoe-embed.d.ts", "webmoe-embed.js"].map(
    (name) => `dist/embed/${name}`,
  ),
  ...[...SCRIPTS, ...SCRIPTS.map((name) => `${name}.map`), ...WASM].map((name) => `dist/lib/${name}`),
  ...["THIRD-PARTY-NOTICES.md", "core.wasm", "node.d.ts", "webmoe.d.ts"].map((name) => `dist/lib/${name}`),
].sort();

test("the tarball holds the library, its licences and nothing else, within 1.5 MB", async () => {
  const { files, bytes } = await pack(root, join(root, ".cache", "pack"), { dryRun: true });
  const paths = files.map(({ path }) => path);
  expect(paths.filter((path) => !path.startsWith("dist/lib/types/")).sort()).toEqual(FILES);
  expect(paths.filter((path) => !/^dist\/lib\/types\/.*\.d\.ts$/.test(path)).sort()).toEqual(FILES);
  expect(bytes).toBeLessThan(1_500_000);
  for (const { size } of files) expect(size).toBeGreaterThan(0);
});

test("every entry leads to files that are there, types first", async () => {
  const { exports, dependencies } = JSON.parse(await text("package.json"));
  expect(dependencies).toBeUndefined();
  for (const entry of Object.values<string | Record<string, string>>(exports)) {
    const targets = typeof entry === "string" ? [entry] : Object.values(entry);
    if (typeof entry !== "string") expect(Object.keys(entry)[0]).toBe("types");
    for (const target of targets) expect(existsSync(join(root, target.replace("*", "core")))).toBe(true);
  }
});

test("what belongs beside a script is named in the form that bundlers know, and nothing of Node is in a page", async () => {
  const page = await text("dist/lib/webmoe.js");
  const worker = await text("dist/lib/worker.js");
  expect(page).toMatch(/new Worker\(new URL\("\.\/worker\.js", import\.meta\.url\), \{\s*type: "module"/);
  expect(worker).toMatch(/new Worker\(new URL\(`\.\/helper-browser\.js`,import\.meta\.url\),\{type:`module`/);
  for (const name of ["core.wasm", ...WASM]) expect(worker).toContain(`new URL(\`${name}\`,import.meta.url)`);
  // A method may be called import.
  const imports = /from ?["'`]|(?<!\.|async )import\(|["'`]node:/;
  for (const script of [page, worker]) expect(imports.exec(script)?.[0]).toBeUndefined();
  for (const name of ["webmoe-embed.js", "webmoe-embed.classic.js"])
    expect(await text(`dist/embed/${name}`)).not.toMatch(/\bimport\.meta\b|\bimport\(|from ?["'`]\.|^import/);
});

test("no file names a folder of the machine that built it, and maps lead to sources by relative paths", async () => {
  for (const name of SCRIPTS) {
    const map = JSON.parse(await text(`dist/lib/${name}.map`));
    for (const source of map.sources.filter(Boolean))
      expect(source).toMatch(/^(\.\.\/)+(src|asm|shaders|node_modules)\//);
    expect(await text(`dist/lib/${name}`)).not.toContain(root);
  }
});

test("types resolve for bundlers and for Node, and refuse what is not there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "webmoe-types-"));
  try {
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    await writeFile(
      join(folder, "use.ts"),
      `import { WebMoE, WebMoEError, type Model } from "webmoe";
import { WebMoE as InNode } from "webmoe/node";
import { WebMoE as Embedded, type ChatEvents } from "webmoe/embed";
const model: Model = await WebMoE.load("m.gguf", { expertBudget: "25%", wasmUrl: "/wasm/" });
for await (const { text } of model.generate([{ role: "user", content: "Hi" }])) console.log(text.length);
await Promise.all([InNode.load("m.gguf"), Embedded.load("m.gguf")]);
export const code = new WebMoEError("network", "…").code satisfies string;
export type Progress = ChatEvents["webmoe-progress"]["detail"]["phase"];
// @ts-expect-error: there is no such option
await WebMoE.load("m.gguf", { wasmURL: "/wasm/" });
`,
    );
    const modules = join(folder, "node_modules");
    await mkdir(modules);
    await symlink(root, join(modules, "webmoe"), "dir");
    for (const resolution of ["bundler", "nodenext"]) {
      const module = resolution === "nodenext" ? "nodenext" : "esnext";
      const { status, stdout } = spawnSync(
        process.execPath,
        [
          join(root, "node_modules/typescript/bin/tsc"),
          ...[
            "--noEmit",
            "--strict",
            "--skipDefaultLibCheck",
            "--target",
            "es2022",
            "--lib",
            "es2023,dom,dom.asynciterable",
          ],
          ...["--module", module, "--moduleResolution", resolution, join(folder, "use.ts")],
        ],
        { cwd: folder, encoding: "utf8" },
      );
      expect(stdout, resolution).toBe("");
      expect(status).toBe(0);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
