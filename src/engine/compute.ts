import { hasCode, type WebMoEError } from "../api/errors.ts";
import type { BackendChoice, ExpertBudget } from "../api/options.ts";
import type { Backend } from "../backend/backend.ts";
import type { Library } from "../experts/library.ts";
import type { ForwardPlan } from "../model/plan.ts";
import type { Prefetcher } from "../residency/prefetcher.ts";
import { createResidency, type Residency } from "../residency/residency.ts";
import type { RoutingListener } from "../residency/routing-listener.ts";
import { budgetBytes } from "../residency/slot-budget.ts";
import type { Core } from "../wasm/core.ts";
import { type BackendRequest, chooseBackend } from "./choose-backend.ts";
import { createExecutor, type Executor } from "./executor.ts";
import { type InexactRouter, inexactRouter } from "./inexact.ts";
import type { Platform } from "./platform.ts";
import { prefetcherFor } from "./prefetch.ts";
import { adaptiveSegments, fixedSegments } from "./segments.ts";
import { checkBackendOptions, type LoadSettings } from "./settings.ts";

/** What computes, all of it made on one device and gone with it: trunk, slots, KV cache, and who runs them. */
export interface Compute {
  readonly backend: Backend;
  readonly residency: Residency;
  readonly executor: Executor;
  /** Absent where there is nothing to fetch ahead. */
  readonly prefetcher: Prefetcher | undefined;
  /** Absent where routing is exact. */
  readonly inexact: InexactRouter | undefined;
  /** Bytes that the slots were fitted into: what was asked for, or less. */
  readonly expertBudget: number;
  /** Bytes of one slot in each layer. */
  readonly leastExpertBytes: number;
}

export interface ComputeParts {
  readonly platform: Platform;
  readonly core: Core;
  readonly library: Library;
  readonly plan: ForwardPlan;
  readonly contextLength: number;
  readonly settings: LoadSettings;
  /** GPUs that need no self-test; see `BackendRequest`. */
  readonly proven: BackendRequest["proven"];
  /** Looked at in every pass: those that need to know the first device come later. */
  readonly listeners: readonly RoutingListener[];
  readonly onTrunk: (loadedBytes: number, totalBytes: number) => void;
  readonly onCompile: (done: number, total: number) => void;
}

export interface ComputeTarget {
  readonly choice: BackendChoice;
  readonly expertBudget: ExpertBudget;
  readonly signal: AbortSignal | undefined;
}

/**
 * A device with the trunk on it and all its slots empty. Bytes come from the nearest tier that has them.
 *
 * Errors: those of `chooseBackend` and of the library; `budget-too-small`, `out-of-memory`.
 */
export async function createCompute(parts: ComputeParts, target: ComputeTarget): Promise<Compute> {
  const { platform, core, library, plan, contextLength, settings, listeners } = parts;
  const { signal } = target;
  const { layerCount, expertCount, expertsPerToken } = plan.hyperparameters;
  const backend = await chooseBackend(platform, {
    choice: target.choice,
    routing: settings.routing,
    plan,
    core,
    contextLength,
    proven: parts.proven,
    activations: settings.activations,
    threads: settings.threads,
    async fill(empty) {
      for await (const { spec, rows } of library.trunk(signal, parts.onTrunk)) empty.writeTrunk(spec, rows);
    },
    onCompile: parts.onCompile,
  });
  try {
    checkBackendOptions(settings, backend.numerics.backend);
    const slotBytes = plan.layers.map((layer) => backend.slotBytes(layer.index));
    const asked = budgetBytes(target.expertBudget, slotBytes, expertCount);
    const all = budgetBytes("all", slotBytes, expertCount);
    const { residency, expertBudget } = await fitted(asked, all, (budget) =>
      createResidency({
        core,
        backend,
        provider: library,
        layerCount,
        expertCount,
        expertsPerToken,
        policy: settings.eviction,
        budget,
        shares: settings.slotShares,
      }),
    );
    const prefetcher = prefetcherFor({
      hyperparameters: plan.hyperparameters,
      core,
      library,
      counts: residency.counts,
      recordBytes: slotBytes,
      hostBudget: settings.hostBudget,
      guessBy: settings.prediction,
    });
    const inexact = inexactRouter(core, residency, settings);
    const segments =
      settings.segmentLayers === "auto"
        ? adaptiveSegments(layerCount, (layer) => slotBytes[layer]! > 0)
        : fixedSegments(layerCount, settings.segmentLayers);
    const executor = createExecutor({
      plan,
      backend,
      core,
      residency,
      listeners: [together(listeners), ...(prefetcher ? [prefetcher] : [])],
      ...(prefetcher && { gates: prefetcher }),
      ...(inexact && { inexact }),
      segments,
    });
    const leastExpertBytes = budgetBytes("min", slotBytes, expertCount);
    return { backend, residency, executor, prefetcher, inexact, expertBudget, leastExpertBytes };
  } catch (error) {
    backend.dispose();
    throw error;
  }
}

/**
 * Halves the budget until its slots can be had: no browser says how much memory there is.
 *
 * Errors: `budget-too-small`, `out-of-memory` if not even the smallest budget fits.
 */
async function fitted(
  asked: number,
  allExpertBytes: number,
  create: (budget: number) => Promise<Residency>,
): Promise<{ readonly residency: Residency; readonly expertBudget: number }> {
  let expertBudget = asked;
  let outOfMemory: WebMoEError | undefined;
  for (;;) {
    try {
      return { residency: await create(expertBudget), expertBudget };
    } catch (error) {
      if (!hasCode(error, "out-of-memory")) throw outOfMemory ?? error;
      outOfMemory = error;
      expertBudget = Math.floor(Math.min(expertBudget, allExpertBytes) / 2);
    }
  }
}

/** All of `listeners` as one, those included that are added later. */
const together = (listeners: readonly RoutingListener[]): RoutingListener => ({
  beginPass(phase, position, tokens) {
    for (const listener of listeners) listener.beginPass(phase, position, tokens);
  },
  layer(layer, decisions) {
    for (const listener of listeners) listener.layer(layer, decisions);
  },
  endPass() {
    for (const listener of listeners) listener.endPass();
  },
});
