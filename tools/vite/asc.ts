import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { deflateRawSync } from "node:zlib";
import asc from "assemblyscript/asc";
import { normalizePath, type Plugin } from "vite";

/** What differs between our modules; everything else is the same for all. */
const MODULE_FLAGS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  compute: ["--importMemory", "--initialMemory", "16", "--maximumMemory", "65536"],
};

/** What makes another binary of the same sources. */
const BUILD_FLAGS = {
  /** Memory that threads share. Data segments are constants, so that every thread's instance may write them anew. */
  shared: ["--sharedMemory", "--enable", "threads"],
  /** Sources ask `ASC_FEATURE_RELAXED_SIMD`. */
  relaxed: ["--enable", "relaxed-simd"],
} as const;

type BuildFlag = keyof typeof BUILD_FLAGS;

const COMMON_FLAGS = [
  "--runtime",
  "stub",
  "-Ospeed",
  "--noAssert",
  "--uncheckedBehavior",
  "always",
  "--enable",
  "simd",
];

/** Functions keep their names, for profiles (bench/profile.mjs); the code is the same. */
const NAMES = process.env.WEBMOE_WASM_NAMES ? ["--debug"] : [];

/** Every source below `directory`, sorted, so that a change of any changes the cache key. */
async function sourcesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** One compilation in this process for all that import a module at the same time. */
const compiling = new Map<string, Promise<string>>();

/**
 * Compiles `asm/<name>/index.ts` as `build` says, unless its sources are those of the cached binary.
 * Returns the binary's path.
 */
export async function compileAsc(
  root: string,
  name: string,
  build: readonly BuildFlag[] = [],
): Promise<string> {
  const own = MODULE_FLAGS[name];
  if (!own) throw new Error(`No AssemblyScript module named ${name}.`);
  const flags = [...own, ...NAMES, ...build.flatMap((flag) => BUILD_FLAGS[flag])];
  const directory = join(root, "asm", name);
  const hash = createHash("sha256")
    .update(asc.version)
    .update([...COMMON_FLAGS, ...flags].join(" "));
  for (const file of await sourcesBelow(directory))
    hash.update(relative(root, file)).update(await readFile(file));
  const binaryPath = join(root, ".cache", "asc", `${name}-${hash.digest("hex").slice(0, 16)}.wasm`);
  const running = compiling.get(binaryPath);
  if (running) return running;
  const compiled = access(binaryPath)
    .catch(() => compile(root, directory, flags, binaryPath))
    .then(() => binaryPath)
    .finally(() => compiling.delete(binaryPath));
  compiling.set(binaryPath, compiled);
  return compiled;
}

async function compile(
  root: string,
  directory: string,
  flags: readonly string[],
  binaryPath: string,
): Promise<void> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [relative(root, join(directory, "index.ts")), "--outFile", "module.wasm", ...COMMON_FLAGS, ...flags],
    {
      readFile: (file, base) => readFile(resolve(root, base, file), "utf8").catch(() => null),
      writeFile: (_file, contents) => {
        binary = contents as unknown as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error || !binary) throw new Error(`${error?.message ?? "asc wrote nothing"}\n${stderr.toString()}`);
  await mkdir(dirname(binaryPath), { recursive: true });
  // Whole or not at all: other processes read the cache meanwhile.
  const partial = `${binaryPath}.${process.pid}`;
  await writeFile(partial, binary);
  await rename(partial, binaryPath);
}

/**
 * `import url from "…/asm/core/index.ts?asc"` compiles the module and gives its URL: emitted beside the bundle in
 * a build, a file URL in unit tests, an `/@fs/` URL in the dev server. `?asc&shared`, `?asc&relaxed` and
 * `?asc&shared&relaxed` give other builds of it (BUILD_FLAGS); `&inline` at the end gives not the URL but the module
 * itself, deflated, as base64.
 */
export function ascPlugin(): Plugin {
  let root = process.cwd();
  let base = "/";
  let mode: "build" | "serve" | "test" = "serve";
  return {
    name: "webmoe-asc",
    enforce: "pre",
    configResolved(config) {
      root = config.root;
      base = config.base;
      mode = config.command === "build" ? "build" : process.env.VITEST ? "test" : "serve";
    },
    async load(id) {
      const match = /[\\/]asm[\\/](\w+)[\\/]index\.ts\?asc((?:&shared)?(?:&relaxed)?)(&inline)?$/.exec(id);
      if (!match) return null;
      const name = match[1]!;
      const build = match[2]!.split("&").slice(1) as BuildFlag[];
      const path = await compileAsc(root, name, build);
      for (const file of await sourcesBelow(join(root, "asm", name))) this.addWatchFile(file);
      if (match[3]) {
        const deflated = deflateRawSync(await readFile(path), { level: 9 });
        return `export default ${JSON.stringify(deflated.toString("base64"))};`;
      }
      if (mode === "test") return `export default ${JSON.stringify(pathToFileURL(path).href)};`;
      if (mode === "serve")
        return `export default ${JSON.stringify(`${base}@fs/${normalizePath(path).replace(/^\//, "")}`)};`;
      const source = await readFile(path);
      const reference = this.emitFile({
        type: "asset",
        name: `${[name, ...build].join("-")}.wasm`,
        source,
      });
      return `export default import.meta.ROLLUP_FILE_URL_${reference};`;
    },
  };
}
