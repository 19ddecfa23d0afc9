import { WebMoEError } from "../api/errors.ts";
import type { ExpertBudget, ExpertPrediction, LoadOptions } from "../api/options.ts";
import { type ForwardPlan, kvBytesPerPosition } from "../model/plan.ts";
import { ON_MISS } from "../wasm/core-instance.ts";
import { PREDICTORS } from "../wasm/core-prediction.ts";
import { EVICTION_POLICIES } from "../wasm/core-slots.ts";

/** Most that may be asked for: what a machine has is another matter. */
export const MAX_THREADS = 256;

const EXPERT_PREDICTIONS: readonly ExpertPrediction[] = ["auto", "none", "gates", ...PREDICTORS];

const DEFAULT_KV_BYTES = 1024 ** 3;

function oneOf<T extends string>(name: string, value: T | undefined, allowed: readonly T[], fallback: T): T {
  const chosen = value ?? fallback;
  if (!allowed.includes(chosen))
    throw new WebMoEError(
      "invalid-argument",
      `${name} is ${String(chosen)}; it must be one of ${allowed.join(", ")}.`,
    );
  return chosen;
}

function bytes(name: string, value: number | undefined, fallback: number): number {
  const chosen = value ?? fallback;
  if (typeof chosen !== "number" || !(chosen >= 0))
    throw new WebMoEError("invalid-argument", `${name} is ${String(chosen)}; it must be a number of bytes.`);
  return chosen;
}

function count(name: string, value: number | undefined, max: number): number | undefined {
  if (value !== undefined && (!Number.isInteger(value) || value < 1 || value > max))
    throw new WebMoEError(
      "invalid-argument",
      `${name} is ${String(value)}; it must be a whole number from 1 to ${max}.`,
    );
  return value;
}

function share(name: string, value = 0): number {
  if (typeof value !== "number" || !(value >= 0 && value <= 1))
    throw new WebMoEError("invalid-argument", `${name} is ${String(value)}; it must be from 0 to 1.`);
  return value;
}

function segmentLayers(value: LoadOptions["segmentLayers"]): number | "auto" {
  if (value === "all") return Number.MAX_SAFE_INTEGER;
  return value === "auto" ? value : (count("segmentLayers", value, 1024) ?? "auto");
}

function expertBudget(value: ExpertBudget | undefined, fallback: number): ExpertBudget {
  if (value === "all" || value === "min") return value;
  if (typeof value !== "string") return bytes("expertBudget", value, fallback);
  const share = /^\d+(\.\d+)?%$/.test(value) ? Number.parseFloat(value) : Number.NaN;
  if (!(share > 0 && share <= 100))
    throw new WebMoEError(
      "invalid-argument",
      `expertBudget is ${value}; it must be a number of bytes, "all", "min", or a share such as "25%".`,
    );
  return value;
}

/** Error: `invalid-argument` for what only WebAssembly can do, on another backend. */
export function checkBackendOptions(
  { prediction, onMiss, cacheMargin }: Required<Pick<LoadOptions, "prediction" | "onMiss" | "cacheMargin">>,
  backend: string,
): void {
  if (backend === "wasm") return;
  if (prediction === "gates")
    throw new WebMoEError(
      "invalid-argument",
      'prediction is "gates", which only the wasm backend can ask without waiting; leave it at "auto".',
    );
  if (onMiss !== "wait" || cacheMargin > 0)
    throw new WebMoEError(
      "invalid-argument",
      `onMiss is "${onMiss}" and cacheMargin ${cacheMargin}: only the wasm backend routes inexactly. Leave them out, or take backend: "wasm".`,
    );
}

/** Load options that need no model, checked and with defaults. */
export type LoadSettings = ReturnType<typeof loadSettings>;

/** Errors: `invalid-argument`, naming the option. */
export function loadSettings(options: LoadOptions, deviceMemoryBytes: number) {
  const store = options.store && oneOf("store", options.store, ["indexeddb", "memory"], "memory");
  const settings = {
    backend: oneOf("backend", options.backend, ["auto", "webgpu", "wasm"], "auto"),
    routing: oneOf("routing", options.routing, ["auto", "wasm"], "auto"),
    activations: oneOf("activations", options.activations, ["auto", "f32", "int8"], "auto"),
    store,
    eviction: oneOf("eviction", options.eviction, EVICTION_POLICIES, "adaptive"),
    onMiss: oneOf("onMiss", options.onMiss, ON_MISS, "wait"),
    cacheMargin: share("cacheMargin", options.cacheMargin),
    prediction: oneOf("prediction", options.prediction, EXPERT_PREDICTIONS, "auto"),
    slotShares: oneOf("slotShares", options.slotShares, ["even", "measured"], "measured"),
    threads: count("threads", options.threads, MAX_THREADS),
    expertBudget: expertBudget(options.expertBudget, deviceMemoryBytes / 4),
    hostBudget: bytes("hostBudget", options.hostBudget, deviceMemoryBytes / 8),
    contextLength: count("contextLength", options.contextLength, 2 ** 24),
    segmentLayers: segmentLayers(options.segmentLayers),
    completeInBackground: options.completeInBackground ?? true,
  };
  // "auto" may come to wasm yet.
  if (settings.backend === "webgpu") checkBackendOptions(settings, settings.backend);
  return settings;
}

/** Errors: `invalid-argument` if more positions are asked for than the model was made for. */
export function contextLengthFor(plan: ForwardPlan, asked: number | undefined): number {
  const most = plan.hyperparameters.contextLength;
  if (asked !== undefined && asked > most)
    throw new WebMoEError("invalid-argument", `contextLength is ${asked}; the model was made for ${most}.`);
  return asked ?? Math.max(1, Math.min(most, Math.floor(DEFAULT_KV_BYTES / kvBytesPerPosition(plan))));
}
