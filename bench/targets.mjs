// @ts-check
/** The targets of this project as numbers, and what was measured beside them. Ratios are taken round by round. */
import { median, ratiosByRound, short, shortSpread, spreadOf } from "./statistics.mjs";

/**
 * @typedef {import("./results.mjs").Entry} Entry
 * @typedef {{ what: string, target: string, measured: string, verdict: "met" | "missed" | "not measured" | "open" }} Verdict
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
  return [...list, ...webGpuVerdicts(entries), ...realGpuVerdicts(entries)];
}

/** Least share of what the adapter's own kernels allow. */
const WEBGPU_DECODE_LEAST = 0.6;
/** Kernels of one row are named so. */
const MAT_VEC = /\], 1 row$/;

/** @param {import("./results.mjs").Cell} cell @returns {number[]} */
const numbers = ({ values = [] }) => values.filter((value) => typeof value === "number");

/** Bytes/s of each cell. @param {Entry} entry @param {RegExp} name */
const ratesOf = ({ cells }, name) =>
  Object.entries(cells).flatMap(([key, cell]) =>
    name.test(key) && numbers(cell).length > 0 ? [Number(cell.facts?.bytes) / median(numbers(cell))] : [],
  );

/**
 * WebGPU decode against the mat-vecs of the page's adapter: tokens/s ÷ (their median bytes/s ÷ active bytes).
 * @param {readonly Entry[]} entries @returns {Verdict[]}
 */
function webGpuVerdicts(entries) {
  return entries.flatMap((entry) => {
    const cell = entry.kind === "speed" && entry.measure === "decode16" ? entry.cells.webgpu : undefined;
    const active = Number(cell?.facts?.activeBytes);
    if (!cell || !(active > 0)) return [];
    const type = (entry.subject.split(" ")[1] ?? "").replace("q4_k_m", "q4_k");
    const kernels = entries.find(
      ({ subject, measure }) => subject === "WebGPU, Chromium" && measure === type,
    );
    const rates = kernels ? ratesOf(kernels, MAT_VEC) : [];
    const spread =
      rates.length > 0 ? spreadOf(numbers(cell).map((speed) => speed / (median(rates) / active))) : undefined;
    return [
      atLeast(
        `${entry.subject}, decode16, webgpu ÷ (its kernels' GB/s ÷ active bytes), ${cell.facts?.adapter}`,
        WEBGPU_DECODE_LEAST,
        spread,
      ),
    ];
  });
}

const LARGE_LEAST = 0.7;
const EXPERT_MOST = 2;

/** The targets that only a real GPU can meet or miss. @param {readonly Entry[]} entries @returns {Verdict[]} */
function realGpuVerdicts(entries) {
  const floors = entries.filter(
    ({ subject, measure, cells }) =>
      subject.startsWith("WebGPU") &&
      measure === "floor" &&
      cells["read bandwidth"]?.facts?.software === false &&
      cells["empty dispatch"],
  );
  if (floors.length === 0) {
    /** @type {Pick<Verdict, "measured" | "verdict">} */
    const open = { measured: "no real GPU was there", verdict: "open" };
    return [
      { what: "WebGPU mat-vec, 64 MiB or more, of measured bandwidth", target: `≥ ${LARGE_LEAST}`, ...open },
      {
        what: "WebGPU expert shapes ÷ (bytes / bandwidth + empty dispatch)",
        target: `≤ ${EXPERT_MOST}`,
        ...open,
      },
    ];
  }
  return floors.flatMap((floor) => {
    const bandwidth = median(numbers(floor.cells["read bandwidth"] ?? {}));
    const empty = median(numbers(floor.cells["empty dispatch"] ?? {}));
    const kernels = entries.filter(
      ({ subject, measure }) => subject === floor.subject && measure !== "floor",
    );
    return kernels.flatMap(({ subject, measure, cells }) =>
      Object.entries(cells).flatMap(([name, cell]) => {
        const seconds = median(numbers(cell));
        const bytes = Number(cell.facts?.bytes);
        const what = `${subject}, ${measure}, ${name}`;
        if (name.startsWith("64 MiB")) {
          return [
            atLeast(`${what}, of measured bandwidth`, LARGE_LEAST, spreadOf([bytes / seconds / bandwidth])),
          ];
        }
        if (!/expert/.test(name)) return [];
        const ratio = seconds / (bytes / bandwidth + empty);
        /** @type {Verdict} */
        const verdict = {
          what: `${what} ÷ (bytes / bandwidth + empty dispatch)`,
          target: `≤ ${EXPERT_MOST} ×`,
          measured: short(ratio),
          verdict: ratio <= EXPERT_MOST ? "met" : "missed",
        };
        return [verdict];
      }),
    );
  });
}
