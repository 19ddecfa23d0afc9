// @ts-check
/** SEGMENTS.md: what `segments.mjs` measured, whether adaptive segments hold, and what a token's time is made of. */
import { table } from "./report.mjs";
import { leastSquares, median, ratiosByRound, short, shortSpread, spreadOf } from "./statistics.mjs";

/** Layers a segment, as `LoadOptions.segmentLayers` takes them. */
export const SEGMENT_LENGTHS = ["auto", "1", "2", "3", "all"];

/** What adaptive segments must reach of the best fixed length. */
const TARGET = 0.9;

/**
 * @typedef {object} Cell one length of segments
 * @property {string} length
 * @property {readonly number[]} tokensPerSecond decoded, by round
 * @property {number} readbacks a decoded token, as these three are
 * @property {number} layerExecutions
 * @property {number} replays
 * @property {number} hitRate of demanded experts, prompts included
 *
 * @typedef {object} Group all lengths on one backend at one budget
 * @property {string} backend
 * @property {string} budget
 * @property {number} layerCount
 * @property {number} leastSlots of any layer
 * @property {number} expertsPerToken
 * @property {readonly Cell[]} cells
 */

/** Whether decode could run in segments: else it is cut at every router, whatever n is. @param {Group} group */
export const inSegments = ({ backend, leastSlots, expertsPerToken }) =>
  backend === "webgpu" && leastSlots >= expertsPerToken;

/** Adaptive segments beside the best fixed length, which is the one of the highest median. @param {Group} group */
export function verdictOf({ cells }) {
  const adaptive = cells.find(({ length }) => length === "auto");
  const [best] = cells
    .filter((cell) => cell !== adaptive)
    .sort((a, b) => median(b.tokensPerSecond) - median(a.tokensPerSecond));
  if (!adaptive || !best) throw new Error("Adaptive segments and a fixed length are needed.");
  const ratio = spreadOf(ratiosByRound(adaptive.tokensPerSecond, best.tokensPerSecond));
  return { best: best.length, ratio, met: ratio !== undefined && ratio.median >= TARGET };
}

/**
 * Milliseconds of a token = round trip · readbacks + layer · layer executions + replay · replays + token: the round trip as
 * measured alone, the others fitted over every cell that ran in segments. `layer` is a layer's own commands; `replay`
 * fetching into slots; `token` what each has once: embedding, logits, sampling.
 * @param {readonly Group[]} groups @param {number} roundTripMs
 */
export function segmentCosts(groups, roundTripMs) {
  const cells = groups.filter(inSegments).flatMap(({ cells }) => cells);
  const rows = cells.map(({ layerExecutions, replays }) => [layerExecutions, replays, 1]);
  const times = cells.map(({ tokensPerSecond }) => 1000 / median(tokensPerSecond));
  const fitted = leastSquares(
    rows,
    cells.map(({ readbacks }, i) => (times[i] ?? 0) - roundTripMs * readbacks),
  );
  if (!fitted) return undefined;
  const [layer = 0, replay = 0, token = 0] = fitted;
  const errors = cells.map(({ readbacks, layerExecutions, replays }, i) => {
    const time = roundTripMs * readbacks + layer * layerExecutions + replay * replays + token;
    return Math.abs(time / (times[i] ?? time) - 1);
  });
  return { layer, replay, token, error: median(errors), count: cells.length };
}

/** What a readback may cost elsewhere, in layers. */
const READBACK_LAYERS = [0.1, 1, 10, 100];

/**
 * The fixed length that takes the least time where a readback costs as much as `layers` layers. What a fixed length runs
 * and reads back is a matter of routing and the cache, the same on every device.
 * @param {Group} group @param {number} layers
 */
export function bestWhere({ cells }, layers) {
  const time = (/** @type {Cell} */ { readbacks, layerExecutions }) => layers * readbacks + layerExecutions;
  const [best] = cells.filter(({ length }) => length !== "auto").sort((a, b) => time(a) - time(b));
  return best?.length;
}

/** @param {readonly Group[]} groups */
function elsewhereTable(groups) {
  const rows = groups
    .filter(inSegments)
    .map((group) => [group.budget, ...READBACK_LAYERS.map((layers) => bestWhere(group, layers) ?? "—")]);
  return table(["budget", ...READBACK_LAYERS.map((layers) => `readback = ${layers} × a layer`)], rows);
}

/** @param {readonly Group[]} groups */
function verdictTable(groups) {
  const rows = groups.map((group) => {
    const { best, ratio, met } = verdictOf(group);
    const way = inSegments(group) ? "in segments" : "cut at the router";
    const verdict = inSegments(group) ? (met ? "met" : "missed") : "— (n is not used)";
    return [group.backend, group.budget, way, best, shortSpread(ratio), verdict];
  });
  return table(["backend", "budget", "decode", "best fixed n", "adaptive ÷ best", `≥ ${TARGET}`], rows);
}

/** @param {readonly Group[]} groups */
function measuredTable(groups) {
  const rows = groups.flatMap(({ backend, budget, cells }) =>
    cells.map(({ length, tokensPerSecond, readbacks, layerExecutions, replays, hitRate }) => [
      backend,
      budget,
      length === "auto" ? "adaptive" : length,
      shortSpread(spreadOf(tokensPerSecond)),
      layerExecutions.toFixed(2),
      backend === "wasm" ? "—" : readbacks.toFixed(2),
      replays.toFixed(2),
      `${(hitRate * 100).toFixed(1)} %`,
    ]),
  );
  const head = ["backend", "budget", "n", "tokens/s", "layer executions", "readbacks", "replays", "hit rate"];
  return table(head, rows);
}

/** A sum that describes its own rows worse than so is that of a machine whose speed changed meanwhile. */
const WORST_ERROR = 0.1;

/** @param {readonly Group[]} groups @param {number} roundTripMs */
function costText(groups, roundTripMs) {
  const { layer = 0, replay = 0, token = 0, error = 1, count = 0 } = segmentCosts(groups, roundTripMs) ?? {};
  const readback = `A readback alone takes ${short(roundTripMs)} ms here (a copy of 256 bytes, submitted and mapped).`;
  if (!(layer > 0 && token >= 0 && error <= WORST_ERROR))
    return `${readback} The machine's speed changed too much in this run to tell the other costs apart.`;
  return `${readback} The rest is fitted by least squares over the ${count} rows that ran
in segments, which the sum describes to ${(error * 100).toFixed(1)} % (median):

    ms a token = ${short(roundTripMs)} · readbacks + ${short(layer)} · layer executions + ${short(replay)} · replays + ${short(token)}

A readback costs as much as ${short(roundTripMs / layer)} layers.`;
}

/** @param {readonly Group[]} groups @param {number | undefined} roundTripMs */
function costSection(groups, roundTripMs) {
  if (roundTripMs === undefined || !groups.some(inSegments)) return "";
  return `
## What a token's time is made of

${costText(groups, roundTripMs)}

What a readback costs in layers decides: layers that run in vain behind a miss are lost time, readbacks that long segments
save are won. A GPU computes these layers in a fraction of the time and waits about as long for a readback. By what the
fixed lengths ran and read back, the best of them where a readback costs as much as so many layers, fetching left out:

${elsewhereTable(groups)}
`;
}

/**
 * @param {readonly Group[]} groups @param {import("./results.mjs").Run} run
 * @param {{ rounds: number, tokens: number, prompts: number, promptTokens: number, wasmTokens: number }} asked
 * @param {number | undefined} roundTripMs none without WebGPU
 */
export function segmentsText(
  groups,
  run,
  { rounds, tokens, prompts, promptTokens, wasmTokens },
  roundTripMs,
) {
  return `# Adaptive segments beside fixed ones

Written by \`${run.command}\`, ${run.date}, engine at ${run.commit}. ${run.machine.processor}, ${run.machine.system};
${run.versions.chromium}, WebGPU on ${run.versions.adapter}; load average ${run.loadAverage} as it began.

The embedded model (6 layers, 4 of 32 experts), ${prompts} prompts of ${promptTokens} tokens with ${tokens} new tokens each (${wasmTokens} on WASM), greedy. Every n has a page,
an engine and a cache of its own and the same history: the work once untimed, then timed, rounds of all n in turn: ${rounds}.
All gave the same tokens. tokens/s are medians (min–max) of what arrives in the page after the first token; the ratio is
taken within a round. Experts that are not in a slot come from host memory.

${verdictTable(groups)}

Cut at the router, a token has one submission a layer: on WASM always, on WebGPU where some layer has fewer slots than a
token has experts. n is not used there, and the ratio, of the best of four to a fifth that runs the same code, shows
what noise alone does.

## Measured

By decoded token; a readback ends a segment. The hit rate is of demanded experts, prompts included: guessed experts that
came with a miss count as hits.

${measuredTable(groups)}
${costSection(groups, roundTripMs)}`;
}
