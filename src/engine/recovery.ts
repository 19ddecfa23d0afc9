import { type ErrorCode, hasCode, throwIfAborted, WebMoEError } from "../api/errors.ts";
import type { Notice } from "../api/notice.ts";
import type { BackendChoice, ExpertBudget } from "../api/options.ts";
import { sleep } from "../experts/sleep.ts";
import type { RoutingListener } from "../residency/routing-listener.ts";
import type { Compute, ComputeTarget } from "./compute.ts";
import type { Passes } from "./passes.ts";
import { recompute } from "./schedule.ts";

/** A GPU that is lost so often within a minute is left to others. */
const MAX_LOSSES = 3;
const LOSS_WINDOW_MS = 60_000;

/** A driver that restarts has no device for a moment; times the losses before. */
const PAUSE_MS = 250;

/** What another device would not change. */
const NOT_THE_DEVICE: ReadonlySet<ErrorCode | undefined> = new Set<ErrorCode>([
  "aborted",
  "network",
  "source-changed",
  "corrupt-part",
  "bad-gguf",
  "quota",
]);

/** What was counted on all devices so far. */
export interface DeviceCounters {
  readonly deviceLosses: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly stallMs: number;
  readonly replays: number;
  readonly decodedTokens: number;
  readonly layerExecutions: number;
  /** Of records that were fetched ahead. */
  readonly usefulBytes: number;
  readonly wastedBytes: number;
}

const NOTHING_COUNTED: DeviceCounters = {
  deviceLosses: 0,
  hits: 0,
  misses: 0,
  evictions: 0,
  stallMs: 0,
  replays: 0,
  decodedTokens: 0,
  layerExecutions: 0,
  usefulBytes: 0,
  wastedBytes: 0,
};

/**
 * Passes that outlive their device. A lost device is replaced by another: trunk and slots are filled from the nearest
 * tiers, the KV cache is computed again by the recorded schedule, and the pass that was interrupted runs again, so
 * that it gives the same bits. A device out of memory is replaced by one with half the room for experts. Where the GPU
 * cannot be had again, WASM computes, which is another numeric profile.
 *
 * One pass runs at a time. Errors, beyond those of the executor: those of `createCompute`, after which the next
 * pass tries again.
 */
export interface Recovery extends Passes {
  /** Undefined while a device is being replaced, or could not be. */
  readonly current: Compute | undefined;
  counters(): DeviceCounters;
  /** `[layers, expertsPerToken]` of the last settled token; empty before the first. */
  readonly picks: Uint32Array;
  /** Tells a listener of each pass of a computation once, though a lost device makes some of them run again. */
  onFirstRun(listener: RoutingListener): RoutingListener;
  dispose(): void;
}

export interface RecoveryOptions {
  readonly choice: BackendChoice;
  readonly expertBudget: ExpertBudget;
  readonly signal: AbortSignal | undefined;
  readonly build: (target: ComputeTarget) => Promise<Compute>;
  /** Called with every device, before it computes. */
  readonly onBuilt: (compute: Compute) => void;
  /** Not called before the first device is there. */
  readonly notify: (kind: Notice["kind"], message: string) => void;
}

/**
 * The first device, and what comes after it. While it is being made, an explicit `choice` is never replaced; later a
 * generation that goes on is worth more.
 */
export async function createRecovery(options: RecoveryOptions): Promise<Recovery> {
  const { build, onBuilt, notify } = options;
  let { choice, expertBudget } = options;
  let losses: number[] = [];
  let past = NOTHING_COUNTED;
  let picks = new Uint32Array(0);
  let compute: Compute | undefined;
  let loaded = false;

  function counters(): DeviceCounters {
    if (!compute) return past;
    const { residency, executor, prefetcher } = compute;
    const { hits, misses, evictions, stallMs } = residency.counters;
    const { replays, decodedTokens, layerExecutions } = executor.counters;
    return {
      deviceLosses: past.deviceLosses,
      hits: past.hits + hits,
      misses: past.misses + misses,
      evictions: past.evictions + evictions,
      stallMs: past.stallMs + stallMs,
      replays: past.replays + replays,
      decodedTokens: past.decodedTokens + decodedTokens,
      layerExecutions: past.layerExecutions + layerExecutions,
      usefulBytes: past.usefulBytes + (prefetcher?.counters.usefulBytes ?? 0),
      wastedBytes: past.wastedBytes + (prefetcher?.counters.wastedBytes ?? 0),
    };
  }

  function takeWasm(error: unknown): void {
    if (choice === "wasm" || (!loaded && choice !== "auto")) throw error;
    if (loaded) console.warn("WebMoE: the GPU is given up; WebAssembly goes on.", error);
    choice = "wasm";
    expertBudget = options.expertBudget;
  }

  /** What to do about a device that failed, before there is another; throws the error if nothing. */
  function react(error: unknown, failed: Compute | undefined): void {
    const code = error instanceof WebMoEError ? error.code : undefined;
    if (NOT_THE_DEVICE.has(code)) throw error;
    if (code === "device-lost") {
      past = { ...past, deviceLosses: past.deviceLosses + 1 };
      const now = performance.now();
      losses = [...losses.filter((at) => now - at < LOSS_WINDOW_MS), now];
      if (loaded) notify("device-lost", "The GPU was lost. What it held is being restored.");
      if (losses.length >= MAX_LOSSES) takeWasm(error);
      return;
    }
    if (code === "out-of-memory" && failed) {
      // What it had, not what it has: a device that refused new slots gave the old ones back first.
      const { residency, backend } = failed;
      const held = residency.counts.reduce((sum, count, layer) => sum + count * backend.slotBytes(layer), 0);
      const half = Math.floor(held / 2);
      if (half > 0 && half >= failed.leastExpertBytes) {
        expertBudget = half;
        return;
      }
    }
    if (!loaded && code !== "out-of-memory") throw error;
    takeWasm(error);
  }

  /** A device, of the kind that `choice` has come to by then. */
  async function obtain(signal: AbortSignal | undefined): Promise<Compute> {
    for (;;) {
      try {
        throwIfAborted(signal);
        if (losses.length > 1) await sleep(PAUSE_MS * (losses.length - 1), signal);
        const built = await build({ choice, expertBudget, signal });
        // From WASM there is no way back: profiles do not change to and fro.
        if (built.backend.numerics.backend === "wasm") choice = "wasm";
        return built;
      } catch (error) {
        react(error, undefined);
      }
    }
  }

  compute = await obtain(options.signal);
  onBuilt(compute);
  loaded = true;
  let numerics = JSON.stringify(compute.backend.numerics);
  let grantedBytes = compute.expertBudget;

  /** Lets go of a device that failed. */
  function abandon(error: unknown, failed: Compute): void {
    const before = counters();
    if (failed.executor.picks.length > 0) picks = failed.executor.picks.slice();
    // Two devices at once may be more than there is memory for.
    compute = undefined;
    past = before;
    failed.backend.dispose();
    react(error, failed);
  }

  async function replace(signal: AbortSignal | undefined): Promise<Compute> {
    const made = await obtain(signal);
    compute = made;
    onBuilt(made);
    const { backend, expertBudget: granted } = made;
    if (granted < grantedBytes)
      notify(
        "expert-budget-lowered",
        `The device ran out of memory: experts now have ${granted} bytes on it, not ${grantedBytes}.`,
      );
    grantedBytes = granted;
    const profile = JSON.stringify(backend.numerics);
    if (profile !== numerics)
      notify(
        "numerics-changed",
        `The GPU cannot be used any more; ${backend.numerics.backend} (${backend.numerics.adapter}) computes from here on. Tokens to come can differ from those that the GPU would have written.`,
      );
    numerics = profile;
    return made;
  }

  /** Of the computation that is under way: what its KV cache was filled with, once its prompt is prefilled. */
  let schedule: { readonly prompt: Uint32Array; readonly decoded: number[] } | undefined;
  /** Positions of it that listeners were told of. */
  let told = 0;

  async function run<T>(work: (passes: Passes) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      throwIfAborted(signal);
      let device = compute;
      try {
        if (!device) {
          device = await replace(signal);
          if (schedule) await recompute(device.executor, schedule, signal);
        }
        return await work(device.executor);
      } catch (error) {
        if (!device || !(hasCode(error, "device-lost") || hasCode(error, "out-of-memory"))) throw error;
        abandon(error, device);
      }
    }
  }

  return {
    get current() {
      return compute;
    },
    get picks() {
      const latest = compute?.executor.picks;
      return latest && latest.length > 0 ? latest : picks;
    },
    counters,

    async prefill(tokens, finish, signal) {
      schedule = undefined;
      told = 0;
      const prefilled = await run((passes) => passes.prefill(tokens, finish, signal), signal);
      schedule = { prompt: tokens, decoded: [] };
      return prefilled;
    },
    async decode(token, position, finish, signal, ahead) {
      const decoded = await run((passes) => passes.decode(token, position, finish, signal, ahead), signal);
      schedule?.decoded.push(token);
      return decoded;
    },

    onFirstRun(listener) {
      let end: number | undefined;
      return {
        beginPass(phase, position, tokens) {
          end = position < told ? undefined : position + tokens.length;
          if (end !== undefined) listener.beginPass(phase, position, tokens);
        },
        layer(layer, decisions) {
          if (end !== undefined) listener.layer(layer, decisions);
        },
        endPass() {
          if (end === undefined) return;
          told = end;
          listener.endPass();
        },
      };
    },

    dispose() {
      compute?.backend.dispose();
    },
  };
}
