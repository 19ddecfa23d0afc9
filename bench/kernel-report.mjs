// @ts-check
/** The tables of single kernels: a call's bytes of weights over its time, beside what only reading gives. */
import { median, short, spreadOf } from "./statistics.mjs";

/**
 * @typedef {import("./results.mjs").Entry} Entry
 * @typedef {import("./results.mjs").Cell} Cell
 */

/** Bytes/s, lower and upper end included: seconds turned over. @param {readonly number[]} seconds @param {number} bytes */
const rates = (seconds, bytes) => seconds.filter((one) => one > 0).map((one) => bytes / one);

/** `12.3 (11–13)` GB/s. @param {readonly number[]} perSecond */
function giga(perSecond) {
  const spread = spreadOf(perSecond.map((one) => one / 1e9));
  return spread ? `${short(spread.median)} (${short(spread.min)}–${short(spread.max)})` : "—";
}

/** @param {Cell | undefined} cell @returns {number[]} */
const numbers = (cell) => (cell?.values ?? []).filter((value) => typeof value === "number");

/** @param {readonly string[]} cells */
const line = (cells) => `| ${cells.join(" | ")} |`;

/** @param {string} subject @param {readonly Entry[]} entries of it */
function subjectSection(subject, entries) {
  const floor = entries.find(({ measure }) => measure === "floor");
  const readCell = floor?.cells["read bandwidth"];
  const read = numbers(readCell);
  const empty = numbers(floor?.cells["empty dispatch"]);
  if (read.length === 0) return `### ${subject}\n\nOpen: ${readCell?.error ?? "not measured"}.`;
  const [bandwidth, emptySeconds] = [median(read), empty.length > 0 ? median(empty) : undefined];
  const floors = [
    `A kernel that only reads: ${giga(read)} GB/s.`,
    ...(emptySeconds === undefined ? [] : [`An empty dispatch: ${short(emptySeconds * 1e6)} µs.`]),
    ...(readCell?.ran ? [`${readCell.ran}.`] : []),
  ];
  const head = ["type", "matrix", "GB/s of weights", "of reading", "µs"];
  if (emptySeconds !== undefined) head.push("bytes / bandwidth + empty dispatch, µs", "ratio");
  else head.push("10⁹ multiplications/s");
  const rows = entries
    .filter(({ measure }) => measure !== "floor")
    .flatMap(({ measure, cells }) =>
      Object.entries(cells).map(([name, cell]) => {
        const bytes = Number(cell.facts?.bytes);
        const seconds = numbers(cell);
        const typical = median(seconds);
        const least = emptySeconds === undefined ? undefined : bytes / bandwidth + emptySeconds;
        return [
          measure,
          name,
          giga(rates(seconds, bytes)),
          // Many rows at a time are bound by arithmetic.
          typical > 0 && cell.facts?.batch === 1
            ? `${((100 * bytes) / typical / bandwidth).toFixed(0)} %`
            : "—",
          short(typical * 1e6),
          ...(least === undefined
            ? [short(Number(cell.facts?.multiplications) / typical / 1e9)]
            : [short(least * 1e6), short(typical / least)]),
        ];
      }),
    );
  return [
    `### ${subject}`,
    floors.join(" "),
    [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n"),
  ].join("\n\n");
}

/** @param {readonly Entry[]} entries all records */
export function kernelSections(entries) {
  const kernels = entries.filter(({ kind }) => kind === "kernels");
  const subjects = [...new Set(kernels.map(({ subject }) => subject))];
  const sections = subjects.map((subject) =>
    subjectSection(
      subject,
      kernels.filter((entry) => entry.subject === subject),
    ),
  );
  return ["## Kernels", ...(sections.length > 0 ? sections : ["Not measured."])].join("\n\n");
}
