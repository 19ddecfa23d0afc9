/** Compiles the trainer's programs where their sources are newer. */
import { spawn } from "node:child_process";
import { mkdir, readdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("trainer", import.meta.url));
const PROGRAMS = fileURLToPath(new URL("../../.cache/train/bin", import.meta.url));

/** Floats for checks and evaluation, bfloat16 for training. */
const BUILDS = {
  train: { source: "train.cc", defines: [] },
  score: { source: "score.cc", defines: ["-DTRAINER_FLOAT32"] },
  "check-float": { source: "check.cc", defines: ["-DTRAINER_FLOAT32"] },
  "check-bfloat16": { source: "check.cc", defines: [] },
} as const;

export type Program = keyof typeof BUILDS;

const FLAGS = [
  ...["-std=c++17", "-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp-simd", "-pthread"],
  ...["-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra", "-Werror"],
];

/** Runs a command, its output going where ours goes. Throws unless it ends with 0. */
export async function run(command: string, words: readonly string[]): Promise<void> {
  const child = spawn(command, words, { stdio: "inherit" });
  const stop = (): void => void child.kill("SIGTERM");
  process.once("SIGTERM", stop).once("SIGINT", stop);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("exit", resolve);
  });
  process.off("SIGTERM", stop).off("SIGINT", stop);
  if (code !== 0) throw new Error(`${command} ended with ${code}.`);
}

async function newest(folder: string): Promise<number> {
  const files = await readdir(folder);
  return Math.max(
    ...(await Promise.all(files.map(async (file) => (await stat(join(folder, file))).mtimeMs))),
  );
}

/** The path of a program, compiled. It runs on processors with AVX-512 BF16 only. */
export async function program(name: Program): Promise<string> {
  const { source, defines } = BUILDS[name];
  const path = join(PROGRAMS, name);
  const built = await stat(path).catch(() => undefined);
  if (!built || built.mtimeMs < (await newest(SOURCES))) {
    await mkdir(PROGRAMS, { recursive: true });
    await run(process.env.CXX ?? "g++", [...FLAGS, ...defines, join(SOURCES, source), "-o", `${path}.part`]);
    await rename(`${path}.part`, path);
  }
  return path;
}
