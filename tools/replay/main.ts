import { readFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { EvictionPolicy } from "../../src/api/options.ts";
import { prefetchPlanner } from "../../src/residency/prefetch-planner.ts";
import { budgetBytes, slotCounts } from "../../src/residency/slot-budget.ts";
import { type RoutingTrace, readTrace, type TracePass } from "../../src/residency/trace-format.ts";
import { compileWasmFile } from "../../src/wasm/compile-node.ts";
import { instantiateCore, type Predictor } from "../../src/wasm/core.ts";
import { compileAsc } from "../vite/asc.ts";
import { belady } from "./belady.ts";
import { type ReplayOptions, replayOptions } from "./options.ts";
import { type ReplayResult, replay, tokenByToken } from "./simulate.ts";

/** Every text, or every other: a text begins at position 0. */
export function chooseTexts(
  passes: readonly TracePass[],
  texts: ReplayOptions["texts"],
): readonly TracePass[] {
  if (texts === "all") return passes;
  let text = -1;
  return passes.filter(({ position }) => {
    if (position === 0) text++;
    return text % 2 === (texts === "even" ? 0 : 1);
  });
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

/** Fewest and most slots of a layer that has any. */
function slotRange(counts: Uint32Array): string {
  const some = counts.filter((count) => count > 0);
  return [...new Set([Math.min(...some), Math.max(...some)])].join("–");
}

async function replayTrace(path: string, options: ReplayOptions): Promise<void> {
  const trace: RoutingTrace = readTrace(await readFile(path));
  const chosen = chooseTexts(trace.passes, options.texts);
  const passes = options.asRecorded ? chosen : tokenByToken(chosen, trace.expertsPerToken);
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const { slots, prediction } = await instantiateCore(
    await compileWasmFile(pathToFileURL(await compileAsc(root, "core")).href),
  );
  const texts = chosen.filter(({ position }) => position === 0).length;
  console.log(
    `\n${path}: ${passes.reduce((sum, { tokens }) => sum + tokens.length, 0)} tokens of ${texts} texts (${options.texts}), ` +
      `${trace.expertsPerToken} of ${trace.expertCount} experts in ${trace.recordBytes.length} layers\n`,
  );
  console.log(
    "| budget | slots a layer | policy | predictor | hit ratio | of the gap LRU to Belady | gate mass | stall ms/token | × LRU | MB fetched | ahead | wasted |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const budget of options.budgets) {
    const { expertCount, expertsPerToken, vocabSize, recordBytes } = trace;
    const layerCount = recordBytes.length;
    const bytes = budgetBytes(budget, recordBytes, expertCount);
    const counts = slotCounts(recordBytes, expertCount, bytes);
    // What the slots take is shared, as in the engine: where layers differ in size it is less than what was asked for.
    const allocated = recordBytes.reduce((sum, size, layer) => sum + size * counts[layer]!, 0);
    const shared = options.shares === "measured" ? { sharedBudget: allocated } : {};
    const run = (policy: EvictionPolicy, predictor: Predictor | "auto" | undefined): ReplayResult =>
      replay({
        ...{ header: trace, passes, slots, counts, policy, link: options.link },
        ...(policy === "lru" ? {} : shared),
        planner:
          predictor &&
          prefetchPlanner({
            prediction,
            slots,
            guessBy: predictor,
            layerCount,
            expertCount,
            expertsPerToken,
            vocabSize,
          }),
      });
    const lru = run("lru", undefined);
    const best = belady(passes, counts);
    const [low, high] = [lru.hits / (lru.hits + lru.misses), best.hits / best.demands];
    const row = (slotsOf: Uint32Array, cells: readonly (string | number)[]): void =>
      console.log(`| ${[budget, slotRange(slotsOf), ...cells].join(" | ")} |`);
    const show = (
      policy: EvictionPolicy,
      predictor: Predictor | "auto" | undefined,
      result: ReplayResult,
    ): void => {
      const hitRatio = result.hits / (result.hits + result.misses);
      row(result.counts, [
        policy,
        predictor ?? "none",
        hitRatio.toFixed(4),
        high > low ? percent((hitRatio - low) / (high - low)) : "–",
        percent(result.gateMassRecall),
        (result.stallSeconds * 1000).toFixed(2),
        (result.stallSeconds / lru.stallSeconds).toFixed(3),
        (result.fetchedBytes / 1e6).toFixed(1),
        (result.prefetchedBytes / 1e6).toFixed(1),
        (result.wastedBytes / 1e6).toFixed(1),
      ]);
    };
    show("lru", undefined, lru);
    for (const policy of options.policies) {
      if (policy !== "lru") show(policy, undefined, run(policy, undefined));
      for (const predictor of options.predictors) show(policy, predictor, run(policy, predictor));
    }
    row(counts, ["belady", "none", high.toFixed(4), "100 %", "", "", "", "", "", ""]);
  }
}

/** Prints a table for every trace. Errors: those of the options and of the trace. */
export async function main(args: string[]): Promise<void> {
  const options = replayOptions(args);
  for (const path of options.traces) await replayTrace(path, options);
}
