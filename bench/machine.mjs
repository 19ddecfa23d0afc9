// @ts-check
/** What a figure depends on besides the code: machine, versions, what else was running. No names of hosts. */
import { readFile } from "node:fs/promises";
import { arch, cpus, loadavg, platform, totalmem } from "node:os";
import { join } from "node:path";
import { runQuiet } from "../tools/run/install.mjs";
import { ROOT } from "./files.mjs";

/** @param {readonly string[]} args */
async function git(args) {
  const { code, output } = await runQuiet("git", args, ROOT);
  return code === 0 ? output.trim() : "";
}

/** The commit of the engine, and whether its sources differ from it. */
async function engineCommit() {
  const commit = await git(["log", "-1", "--format=%h", "--", "src", "asm", "shaders"]);
  const changed = await git(["status", "--porcelain", "--", "src", "asm", "shaders"]);
  return `${commit || "unknown"}${changed ? "+" : ""}`;
}

/** Version of a package of bench or tools. @param {string} folder @param {string} name */
async function packageVersion(folder, name) {
  try {
    return JSON.parse(await readFile(join(ROOT, folder, "node_modules", name, "package.json"), "utf8"))
      .version;
  } catch {
    return "not installed";
  }
}

/**
 * @param {string} command as typed @param {Record<string, string>} [more] versions
 * @returns {Promise<import("./results.mjs").Run>}
 */
export async function describeRun(command, more = {}) {
  const [first] = cpus();
  return {
    date: new Date().toISOString().slice(0, 16),
    command,
    commit: await engineCommit(),
    machine: {
      processor: `${first?.model.trim() ?? "unknown"}, ${cpus().length} cores`,
      memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
      system: `${platform()} ${arch()}`,
    },
    versions: {
      node: process.versions.node,
      wllama: await packageVersion("bench", "@wllama/wllama"),
      "node-llama-cpp": await packageVersion("tools/oracle", "node-llama-cpp"),
      ...more,
    },
    loadAverage: (loadavg()[0] ?? 0).toFixed(2),
  };
}
