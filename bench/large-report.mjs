// @ts-check
/** LARGE.md: a model larger than a tab's memory, by what it took. */
import { table } from "./report.mjs";
import { short } from "./statistics.mjs";

/**
 * @typedef {import("../src/api/info.ts").Stats} Stats
 * @typedef {import("../src/api/info.ts").ModelInfo} ModelInfo
 * @typedef {{ bytes: number, byKind: Record<string, number> }} Peak PSS of all browser processes over an empty page's
 *
 * @typedef {object} PageRun
 * @property {readonly number[]} ids
 * @property {number} decodeTokensPerSecond
 * @property {number} firstTokenMs from the call of load
 * @property {{ ran: string, threads: number, memory: import("../src/api/info.ts").MemoryInfo }} facts
 * @property {Stats & { wasmBytes: number }} stats
 * @property {Peak} peak
 *
 * @typedef {object} NodeRun
 * @property {readonly number[]} ids
 * @property {number} expertBudget bytes
 * @property {Stats} stats
 * @property {number} peakBytes resident set, over that of the process before it loaded
 *
 * @typedef {object} Seen
 * @property {{ byteLength: number }} file
 * @property {ModelInfo} info
 * @property {PageRun} firstVisit
 * @property {{ peak: Peak, seconds: number, storedIn: string | undefined, networkBytes: number }} completion
 * @property {PageRun} secondVisit
 * @property {readonly NodeRun[]} nodes
 */

const mb = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(0);

/** Parts of a peak of a megabyte and more, largest first. @param {Peak} peak */
const byKind = ({ byKind }) =>
  Object.entries(byKind)
    .filter(([, bytes]) => Math.abs(bytes) >= 1e6)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, bytes]) => `${kind} ${mb(bytes)}`)
    .join(", ");

/** @param {Stats} stats */
const hitRate = ({ expertHits, expertMisses }) =>
  `${((expertHits / (expertHits + expertMisses)) * 100).toFixed(1)} %`;

/** @param {Seen} seen */
function runTable({ firstVisit, secondVisit, nodes }) {
  const pageRow = (/** @type {string} */ name, /** @type {PageRun} */ { stats, peak, ...run }) => [
    name,
    mb(stats.peakExpertBytes),
    mb(peak.bytes),
    mb(stats.wasmBytes),
    (run.firstTokenMs / 1000).toFixed(1),
    short(run.decodeTokensPerSecond),
    hitRate(stats),
    mb(stats.networkBytes),
    mb(stats.storeBytes),
  ];
  const nodeRows = nodes.map(({ expertBudget, stats, peakBytes }) => [
    `Node, ${mb(expertBudget)} MB`,
    mb(stats.peakExpertBytes),
    `${mb(peakBytes)} (resident set)`,
    "—",
    "—",
    short(stats.decodeTokensPerSecond),
    hitRate(stats),
    "—",
    "—",
  ]);
  const head = [
    "run",
    "experts on the device at most, MB",
    "peak growth, MB",
    "WASM memory, MB",
    "first token, s",
    "tokens/s",
    "hit rate",
    "fetched, MB",
    "read from the store, MB",
  ];
  return table(head, [
    pageRow("Chromium, first visit", firstVisit),
    pageRow("Chromium, second visit", secondVisit),
    ...nodeRows,
  ]);
}

/** @param {Seen} seen */
function peakTable({ firstVisit, completion, secondVisit }) {
  return table(
    ["while", "peak growth, MB", "by process, MB"],
    [
      ["first visit: load and answer", mb(firstVisit.peak.bytes), byKind(firstVisit.peak)],
      ["its store gets whole in idle time", mb(completion.peak.bytes), byKind(completion.peak)],
      ["second visit: load and answer", mb(secondVisit.peak.bytes), byKind(secondVisit.peak)],
    ],
  );
}

/**
 * @param {Seen} seen @param {import("./results.mjs").Run} run
 * @param {{ tokens: number, budgetBytes: number, hostBytes: number, contextLength: number }} asked
 */
export function largeText(seen, run, { tokens, budgetBytes, hostBytes, contextLength }) {
  const { file, info, firstVisit, completion } = seen;
  const { memory, ran, threads } = firstVisit.facts;
  const { slotsPerLayer } = firstVisit.stats;
  const experts = info.layerCount * info.expertCount;
  const expertBytes = experts * info.expertBytes;
  const slots = slotsPerLayer.reduce((sum, count) => sum + count, 0);
  return `# A model that is larger than the memory it may have

Written by \`${run.command}\`, ${run.date}, engine at ${run.commit}. ${run.machine.processor}, ${run.machine.memory}, ${run.machine.system};
${run.versions.chromium}, Node ${run.versions.node}; load average ${run.loadAverage} as it began.

| file | |
| --- | --- |
| random weights, Q8_0, layers of Qwen3-MoE's kind | ${info.layerCount} layers, ${info.expertCount} experts (${info.expertsPerToken} a token) of ${info.expertHiddenSize}, hidden ${info.hiddenSize} |
| file | ${file.byteLength.toLocaleString("en-US")} bytes |
| all experts | ${experts} records, ${mb(expertBytes)} MB |
| trunk on the device | ${mb(memory.trunkBytes)} MB |
| \`expertBudget\` | ${mb(budgetBytes)} MB: ${slots} slots, ${Math.min(...slotsPerLayer)} to ${Math.max(...slotsPerLayer)} a layer, ${((slots / experts) * 100).toFixed(1)} % of the experts |
| \`hostBudget\`, \`contextLength\` | ${mb(hostBytes)} MB, ${contextLength} |

The page (${ran}; threads: ${threads}) has the default store and completes it in idle time, as a user's would: nothing of the
file is on the machine before, an unwatched Chromium without history, a local server with ranges. A visit loads, writes
one token after a prompt of 16, then ${tokens} after another. Peak growth is the proportional set size of all browser processes
above those of an empty page, four looks a second; WASM memory is what the engine's memories had grown to.

All four runs gave the same tokens: two budgets, two platforms, network and store. Slots and staging stayed within the
budget at every allocation (\`stats().peakExpertBytes\`).

${runTable(seen)}

Between the visits ${mb(completion.networkBytes)} MB were fetched in all and written to ${completion.storedIn ?? "the store"}, the rest in ${completion.seconds.toFixed(0)} s.

${peakTable(seen)}

Of the ${mb(firstVisit.stats.wasmBytes)} MB of WASM memory the engine says: trunk ${mb(memory.trunkBytes)}, slots ${mb(memory.expertBytes)}, KV cache ${mb(memory.kvBytes)}, scratch ${mb(memory.scratchBytes)} MB
when loaded. With ${Math.min(...slotsPerLayer)} slots in a layer and ${info.expertsPerToken} picks a token, random routing finds few of them: this is the
worst case of paging, not what a trained model does.
`;
}
