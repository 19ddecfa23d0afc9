// @ts-check
/** The targets of this project as numbers, and what was measured beside them. Ratios are taken round by round. */
import { ratiosByRound, shortSpread, spreadOf } from "./statistics.mjs";

/**
 * @typedef {import("./results.mjs").Entry} Entry
 * @typedef {{ what: string, target: string, measured: string, verdict: "met" | "missed" | "not measured" }} Verdict
 */

/** Least ratio to wllama in decode, by the file's type. @type {Readonly<Record<string, number>>} */
const DECODE_LEAST = { q4_0: 4, q8_0: 3, q4_k_m: 3 };
const PREFILL_LEAST = 4;
const NATIVE_LEAST = { decode: 0.7, prefill: 0.4 };
/** Largest share of wllama's peak memory with a quarter of the experts. */
const MEMORY_MOST = 0.4;

export const PROFILES = ["wasm-f32", "wasm-int8"];

/** Our ratio to another engine in one entry. @param {Entry} entry @param {string} ours @param {string} theirs */
export function ratioOf(entry, ours, theirs) {
  const [mine, other] = [entry.cells[ours]?.values ?? [], entry.cells[theirs]?.values ?? []];
  return spreadOf(ratiosByRound(mine, other));
}

/** @param {string} what @param {number} target @param {ReturnType<typeof spreadOf>} spread @returns {Verdict} */
function atLeast(what, target, spread) {
  const verdict = !spread ? "not measured" : spread.median >= target ? "met" : "missed";
  return { what, target: `≥ ${target} ×`, measured: shortSpread(spread), verdict };
}

/** @param {readonly Entry[]} entries @returns {Verdict[]} */
export function verdicts(entries) {
  /** @type {Verdict[]} */
  const list = [];
  for (const entry of entries.filter(({ kind }) => kind === "speed")) {
    const decodes = entry.measure.startsWith("decode");
    const type = entry.subject.split(" ")[1] ?? "";
    const least = decodes ? (DECODE_LEAST[type] ?? 3) : PREFILL_LEAST;
    const nativeLeast = decodes ? NATIVE_LEAST.decode : NATIVE_LEAST.prefill;
    for (const profile of PROFILES) {
      const what = `${entry.subject}, ${entry.measure}, ${entry.threads} thread(s), ${profile}`;
      if (!entry.cells[profile] && !entry.cells.wllama) continue;
      list.push(atLeast(`${what} ÷ wllama`, least, ratioOf(entry, profile, "wllama")));
      list.push(atLeast(`${what} ÷ native`, nativeLeast, ratioOf(entry, profile, "native")));
    }
  }
  for (const entry of entries.filter(({ kind }) => kind === "memory")) {
    for (const profile of PROFILES) {
      const spread = ratioOf(entry, `${profile}, 25%`, "wllama");
      const verdict = !spread ? "not measured" : spread.median <= MEMORY_MOST ? "met" : "missed";
      list.push({
        what: `${entry.subject}, peak memory, ${profile} at a 25 % budget ÷ wllama`,
        target: `≤ ${MEMORY_MOST} ×`,
        measured: shortSpread(spread),
        verdict,
      });
    }
  }
  return list;
}
