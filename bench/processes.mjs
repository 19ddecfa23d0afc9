// @ts-check
/**
 * Memory of a browser as a whole. Its processes share libraries and buffers, so that resident sizes count them
 * several times; the proportional set size (PSS) divides a shared page by those who share it, and may be summed.
 */
import { readdir, readFile } from "node:fs/promises";

/**
 * Bytes that a `smaps_rollup` file (proc(5)) gives as Pss, or as one of its kinds.
 * @param {string} text @param {"Pss" | "Pss_Anon" | "Pss_Shmem"} [field] @returns {number} 0 if it gives none
 */
export function pssBytes(text, field = "Pss") {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text);
  return match ? Number(match[1]) * 1024 : 0;
}

/**
 * Parent of a process by its `stat` file (proc(5)). The name, in parentheses, may itself hold spaces and parentheses.
 * @param {string} text
 */
export function parentOf(text) {
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
}

/**
 * A process and all below it.
 * @param {number} root @param {ReadonlyMap<number, number>} parents by process @returns {number[]}
 */
export function familyOf(root, parents) {
  const family = [root];
  for (const member of family) {
    for (const [process, parent] of parents) if (parent === member) family.push(process);
  }
  return family;
}

/** A process may end between two looks. @param {string} path */
const readOr = (path) => readFile(path, "utf8").catch(() => "");

async function processIds() {
  return (await readdir("/proc")).map(Number).filter((id) => Number.isInteger(id) && id > 0);
}

/** The first process whose command line has this argument and none that starts with `--type=`. @param {string} argument */
export async function processWithArgument(argument) {
  for (const id of await processIds()) {
    const words = (await readOr(`/proc/${id}/cmdline`)).split("\0");
    if (words.includes(argument) && !words.some((word) => word.startsWith("--type="))) return id;
  }
  return undefined;
}

/**
 * What a process of Chromium does, from its command line: renderers hold pages and workers, `storage` IndexedDB's
 * files, `network` downloads.
 * @param {readonly string[]} words
 */
export function processKind(words) {
  const value = (/** @type {string} */ name) =>
    words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
  const kind = value("type") ?? "browser";
  return kind === "utility" ? (value("utility-sub-type")?.split(".")[0] ?? kind) : kind;
}

/**
 * PSS of a process and all below it, in bytes: the sum, the part of it that is no file's, and by what the processes do.
 * The share of a file, such as the browser's program, falls when another browser starts, so that `total` does too.
 * @param {number} root
 * @returns {Promise<{ total: number, withoutFiles: number, byKind: Record<string, number> }>}
 */
export async function familyPss(root) {
  /** @type {Map<number, number>} */
  const parents = new Map();
  for (const id of await processIds()) {
    const stat = await readOr(`/proc/${id}/stat`);
    if (stat) parents.set(id, parentOf(stat));
  }
  let total = 0;
  let withoutFiles = 0;
  /** @type {Record<string, number>} */
  const byKind = {};
  for (const id of familyOf(root, parents)) {
    const rollup = await readOr(`/proc/${id}/smaps_rollup`);
    const bytes = pssBytes(rollup);
    withoutFiles += pssBytes(rollup, "Pss_Anon") + pssBytes(rollup, "Pss_Shmem");
    // Chromium's children write their arguments anew, with spaces between them.
    const kind = processKind((await readOr(`/proc/${id}/cmdline`)).split(/[\0 ]/));
    total += bytes;
    byKind[kind] = (byKind[kind] ?? 0) + bytes;
  }
  return { total, withoutFiles, byKind };
}

/** How often the peak is looked for. A look takes tens of milliseconds of one core. */
const LOOK_EVERY_MS = 250;

/**
 * Watches until `stop`, which gives what was seen when the sum was largest. @param {number} root
 */
export function watchPeak(root) {
  /** @type {Awaited<ReturnType<typeof familyPss>>} */
  let peak = { total: 0, withoutFiles: 0, byKind: {} };
  let running = true;
  const look = async () => {
    const seen = await familyPss(root);
    if (seen.total > peak.total) peak = seen;
  };
  const watch = async () => {
    while (running) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  };
  const watching = watch();
  return {
    async stop() {
      running = false;
      await watching;
      await look();
      return peak;
    },
  };
}
