// @ts-check
/** RESULTS.md, written from results.json and from nothing else. */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ENGINES } from "./engines.mjs";
import { FAMILIES } from "./files.mjs";
import { kernelSections } from "./kernel-report.mjs";
import { SPEED_MEASURES } from "./measures.mjs";
import { short, shortSpread, spreadOf } from "./statistics.mjs";
import { PROFILES, ratioOf, verdicts } from "./targets.mjs";

/**
 * @typedef {import("./results.mjs").Results} Results
 * @typedef {import("./results.mjs").Entry} Entry
 * @typedef {import("./results.mjs").Cell} Cell
 */

/** A Markdown table. @param {readonly string[]} head @param {readonly (readonly string[])[]} rows */
export function table(head, rows) {
  /** @param {readonly string[]} cells */
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Notes below a table: each text once, by a letter. */
export function footnotes() {
  /** @type {string[]} */
  const texts = [];
  return {
    /** @param {string} text */
    mark(text) {
      const at = texts.includes(text) ? texts.indexOf(text) : texts.push(text) - 1;
      return `[${at + 1}]`;
    },
    lines: () => texts.map((text, i) => `- [${i + 1}] ${text}`).join("\n"),
  };
}

/** @param {Cell | undefined} cell @param {(values: number[]) => number[]} [scale] @param {ReturnType<typeof footnotes>} notes */
function shown(cell, notes, scale = (values) => values) {
  if (!cell) return `— ${notes.mark("not part of the run")}`;
  const values = (cell.values ?? []).filter((value) => value !== undefined && value !== null);
  const text = shortSpread(spreadOf(scale(/** @type {number[]} */ (values))));
  return cell.error ? `${text} ${notes.mark(cell.error)}` : text;
}

/** @param {readonly Entry[]} entries @param {string} measure */
function speedSection(entries, measure) {
  const mine = entries.filter((entry) => entry.kind === "speed" && entry.measure === measure);
  if (mine.length === 0) return "Not measured.";
  const notes = footnotes();
  const rows = mine.map((entry) => [
    entry.subject,
    String(entry.threads),
    ...ENGINES.map(({ name }) => shown(entry.cells[name], notes)),
    ...["wasm-f32", "wasm-int8"].flatMap((ours) =>
      ["wllama", "native"].map((theirs) => shortSpread(ratioOf(entry, ours, theirs))),
    ),
  ]);
  const head = ["file", "threads", ...ENGINES.map(({ label }) => label)];
  const ratios = ["f32 ÷ wllama", "f32 ÷ native", "int8 ÷ wllama", "int8 ÷ native"];
  return [table([...head, ...ratios], rows), notes.lines()].filter(Boolean).join("\n\n");
}

const PAGED = ENGINES.filter(({ page }) => page);

/** @param {readonly Entry[]} entries */
function loadSection(entries) {
  const mine = entries.filter(({ kind }) => kind === "load");
  if (mine.length === 0) return "Not measured.";
  const notes = footnotes();
  const labels = { "load-first": "first, from a local server", "load-second": "second, from its own store" };
  const rows = mine.map((entry) => [
    entry.subject,
    labels[/** @type {keyof typeof labels} */ (entry.measure)],
    ...PAGED.map(({ name }) => shown(entry.cells[name], notes, (values) => values.map((ms) => ms / 1000))),
    shortSpread(ratioOf(entry, "wasm-f32", "wllama")),
  ]);
  const head = ["file", "visit", ...PAGED.map(({ label }) => `${label}, s`), "f32 ÷ wllama"];
  return [table(head, rows), notes.lines()].filter(Boolean).join("\n\n");
}

const MB = 1e6;

/** @param {readonly Entry[]} entries */
function memorySection(entries) {
  const mine = entries.filter(({ kind }) => kind === "memory");
  if (mine.length === 0) return "Not measured.";
  const notes = footnotes();
  const columns = [...new Set(mine.flatMap(({ cells }) => Object.keys(cells)))];
  const rows = mine.map((entry) => {
    const facts = Object.values(entry.cells).find(({ facts }) => facts)?.facts;
    return [
      entry.subject,
      facts ? (Number(facts.fileBytes) / MB).toFixed(0) : "—",
      ...columns.map((name) =>
        shown(entry.cells[name], notes, (values) => values.map((bytes) => bytes / MB)),
      ),
      shortSpread(ratioOf(entry, "wasm-f32, 25%", "wllama")),
    ];
  });
  const head = ["file", "its size, MB", ...columns.map((name) => `${name}, MB`), "f32 at 25 % ÷ wllama"];
  return [table(head, rows), notes.lines(), memoryProfile(mine)].filter(Boolean).join("\n\n");
}

/** Where the memory is at the peak of the last round, and what of it the engine knows of. @param {readonly Entry[]} entries */
function memoryProfile(entries) {
  /** @param {unknown} values by name, bytes */
  const parts = (values) =>
    Object.entries(/** @type {Record<string, number>} */ (values ?? {}))
      .filter(([, bytes]) => Math.abs(bytes) >= MB)
      .sort(([, a], [, b]) => b - a)
      .map(([name, bytes]) => `${name.replace("Bytes", "")} ${(bytes / MB).toFixed(0)}`)
      .join(", ");
  const rows = entries.flatMap(({ subject, cells }) =>
    Object.entries(cells).flatMap(([name, { facts }]) =>
      facts?.byKind ? [[subject, name, parts(facts.byKind), parts(facts.memory) || "—"]] : [],
    ),
  );
  if (rows.length === 0) return "";
  const head = ["file", "engine", "by process, MB", "of which the engine says, MB, when loaded"];
  return `<details><summary>where it is</summary>\n\n${table(head, rows)}\n\n</details>`;
}

/** Shares below this are one sum. */
const LEAST_SHARE = 0.02;

/** @param {readonly Entry[]} entries */
function profileSection(entries) {
  const mine = entries.filter(({ kind }) => kind === "profile");
  if (mine.length === 0) return "Not measured.";
  const rows = mine.map(({ subject, measure, cells }) => {
    const places = Object.entries(cells).map(([name, { values }]) => ({ name, ms: values?.[0] ?? 0 }));
    const total = places.reduce((sum, { ms }) => sum + ms, 0);
    const shown = places.filter(({ ms }) => ms >= LEAST_SHARE * total).sort((a, b) => b.ms - a.ms);
    const rest = total - shown.reduce((sum, { ms }) => sum + ms, 0);
    const parts = [...shown, { name: "the rest", ms: rest }];
    const where = parts.map(({ name, ms }) => `${name} ${((100 * ms) / total).toFixed(0)} %`).join(", ");
    return [subject, measure, short(total), where];
  });
  return table(["file", "measure, engine", "ms a token", "where"], rows);
}

/** Why wllama's WebGPU has no figures. @param {Results["runs"]} runs */
function wllamaOnGpu(runs) {
  const adapters = Object.values(runs).flatMap(({ versions }) => versions.adapter ?? []);
  const able = adapters.filter((adapter) => !/^none$|no shader-f16|no JSPI/.test(adapter));
  return able.length > 0
    ? "not measured: these benchmarks run it on the CPU"
    : `not comparable: it needs shader-f16 and JSPI (${[...new Set(adapters)].join("; ") || "no adapter"})`;
}

/** @param {readonly Entry[]} entries @param {Results["runs"]} runs */
function targetSection(entries, runs) {
  const list = verdicts(entries);
  if (list.length === 0) return "Nothing measured.";
  /** @param {string} verdict */
  const number = (verdict) => list.filter((one) => one.verdict === verdict).length;
  const rows = list.map(({ what, target, measured, verdict }) => [what, target, measured, verdict]);
  const byProfile = PROFILES.map((profile) => {
    const own = list.filter(({ what }) => what.includes(profile));
    return `${profile} ${own.filter(({ verdict }) => verdict === "met").length} of ${own.length}`;
  });
  return `${number("met")} met, ${number("missed")} missed, ${number("not measured")} not measured, ${number("open")} open for want of a GPU.
Met by profile: ${byProfile.join(", ")}.
wllama's WebGPU is ${wllamaOnGpu(runs)}. One GPU→CPU round trip a token, all experts resident,
overlapped with the next token's pass, is counted by a test (e2e/kernels.spec.ts) and has no time of its own here.

<details><summary>each by number</summary>

${table(["ratio", "target", "median (min–max)", ""], rows)}

</details>`;
}

/** @param {Results} results */
function runSection({ runs, records }) {
  const rows = Object.entries(runs).map(([id, run]) => {
    const own = records.filter((record) => record.run === id);
    const kinds = [...new Set(own.map(({ kind, subject }) => `${kind}: ${subject}`))].join("; ");
    const said = (/** @type {Record<string, string>} */ values) =>
      Object.entries(values)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ");
    return [
      run.date,
      `\`${run.command}\``,
      run.commit,
      said(run.machine),
      run.loadAverage,
      said(run.versions),
      kinds,
    ];
  });
  const head = ["date (UTC)", "command", "engine at", "machine", "load before", "versions", "measured"];
  return table(head, rows);
}

/** What each engine said of itself. @param {readonly Entry[]} entries */
function ranSection(entries) {
  const rows = ENGINES.flatMap(({ name, label, differs }) => {
    const said = entries.flatMap(({ cells }) =>
      Object.entries(cells).flatMap(([key, { ran }]) => (ran && key.split(",")[0] === name ? [ran] : [])),
    );
    return [[label, [...new Set(said)].join("<br>") || "did not run", differs]];
  });
  return table(["engine", "as it describes itself", "what it does unlike the others"], rows);
}

/** @param {Results} results */
export function reportText(results) {
  const { runs, records } = results;
  const families = Object.entries(FAMILIES).map(([name, { what }]) => `- **${name}**: ${what}`);
  return `# Benchmark results

Written by \`npm run bench\` from results.json; edits are lost. What is measured, and how to read it:
[README.md](README.md). Values are medians over rounds (min–max); a single value is a single round. "—" was not
measured, for the reason in its note.

## Targets

${targetSection(records, runs)}

## Engines

${ranSection(records)}

Files:

${families.join("\n")}

${Object.entries(SPEED_MEASURES)
  .map(([name, { label }]) => `## Tokens/s: ${label}\n\n${speedSection(records, name)}`)
  .join("\n\n")}

## Seconds from the call of load to the first token

A 16-token prompt, one thread. Native llama.cpp has no such measure.

${loadSection(records)}

## Peak memory

MB (10⁶ bytes) of proportional set size of all browser processes above those of an empty page.

${memorySection(records)}

## Where the time goes

One thread of the WASM engine, sampled (\`npm run bench -- profile\`), by function of compute.wasm and core.wasm.

${profileSection(records)}

${kernelSections(records)}

## Runs

${runSection(results)}
`;
}

/** @param {Results} results */
export async function writeReport(results) {
  await writeFile(fileURLToPath(new URL("RESULTS.md", import.meta.url)), reportText(results));
}
