// @ts-check
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** npm is a script on Windows, which only a shell starts. */
const SHELL = process.platform === "win32";

/**
 * @param {string} path
 * @returns {Promise<Record<string, { version?: string, optional?: boolean, link?: boolean }> | undefined>}
 */
async function lockedPackages(path) {
  try {
    return JSON.parse(await readFile(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * True if `node_modules` holds what `package-lock.json` asks for. Versions are compared rather than file times,
 * which a checkout or a copy changes. Optional packages of other platforms may be absent.
 * @param {string} directory
 */
export async function isInstalled(directory) {
  const wanted = await lockedPackages(join(directory, "package-lock.json"));
  const present = await lockedPackages(join(directory, "node_modules", ".package-lock.json"));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(
    ([path, entry]) => path === "" || entry.optional || present[path]?.version === entry.version,
  );
}

/**
 * Runs `npm ci` in `directory` unless it is installed already. Silent unless it fails.
 * @param {string} directory
 * @param {string} what named in the messages
 * @param {{ scripts?: boolean }} [options] `scripts: false` runs no install script of any package
 */
export async function ensureInstalled(directory, what, { scripts = true } = {}) {
  if (await isInstalled(directory)) return;
  console.log(`Installing ${what} (npm ci) …`);
  const flags = scripts ? [] : ["--ignore-scripts"];
  const { code, output } = await runQuiet("npm", ["ci", "--no-audit", "--no-fund", ...flags], directory);
  if (code !== 0) {
    console.error(output);
    throw new Error(`npm ci failed in ${directory} (exit code ${code}).`);
  }
}

/**
 * Runs a command and keeps what it prints.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [cwd]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function runQuiet(command, args, cwd) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], shell: SHELL });
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", (error) => resolve({ code: 127, output: output + error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/**
 * Runs a command that has to succeed; what it printed is in the error if it does not.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
export async function runOrThrow(command, args, cwd) {
  const { code, output } = await runQuiet(command, args, cwd);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed in ${cwd}:\n${output}`);
}

/**
 * Runs a command that prints to our own output.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>} exit code
 */
export function runLoud(command, args, { cwd, env = process.env }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: "inherit", shell: SHELL });
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(127);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}
