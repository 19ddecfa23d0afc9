import type { BackendChoice, EvictionPolicy, ExpertBudget, GenerateOptions } from "../index.ts";
import { byId } from "./dom.ts";
import { remember, remembered } from "./remember.ts";
import type { EngineOptions } from "./session.ts";

const KEY = "webmoe-settings";

const BACKENDS: readonly BackendChoice[] = ["auto", "webgpu", "wasm"];
const BUDGETS: readonly ExpertBudget[] = ["all", "50%", "25%", "10%", "min"];
const POLICIES: readonly EvictionPolicy[] = ["adaptive", "lfu", "lru-2", "lru"];
const ROUTINGS = ["auto", "wasm"] as const;
const ACTIVATIONS = ["f32", "int8"] as const;
const ON_MISS = ["wait", "substitute", "skip"] as const;
const MEGABYTE = 1_000_000;

/** What another value of loads the model again. */
const ENGINE_FIELDS = [
  "backend",
  "routing",
  "threads",
  "expert-budget",
  "host-budget",
  "eviction",
  "activations",
  "on-miss",
  "cache-margin",
  "completion",
];

/** A number within the field's own limits; nonsense turns back into the field's default, and the field shows it. */
function readNumber(field: HTMLInputElement): number {
  const typed = field.value.trim() === "" ? Number.NaN : Number(field.value);
  const sane = Number.isFinite(typed) ? typed : Number(field.defaultValue);
  const within = Math.min(Number(field.max), Math.max(Number(field.min), sane));
  const value = field.step === "1" ? Math.round(within) : within;
  field.value = String(value);
  return value;
}

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Fields as they were left, if they still offer that. */
function restore(fields: readonly Field[]): void {
  let values: unknown;
  try {
    values = JSON.parse(remembered(KEY) ?? "{}");
  } catch {
    return;
  }
  for (const field of fields) {
    const value: unknown = (values as Record<string, unknown> | null)?.[field.id];
    if (typeof value !== "string") continue;
    const before = field.value;
    field.value = value;
    // A select that has no such option shows nothing.
    if (field instanceof HTMLSelectElement && field.selectedIndex < 0) field.value = before;
  }
}

/** How text is sampled and how the engine is set up, as the person left it. */
export function createSettings(onEngineChange: () => void) {
  const form = byId("settings", HTMLElement);
  const fields = [...form.querySelectorAll<Field>("input, select, textarea")].filter(
    ({ id }) => id !== "offline-use",
  );
  const field = (id: string): HTMLInputElement => byId(id, HTMLInputElement);
  const chosen = <T extends string | number>(id: string, offered: readonly T[], fallback: T): T => {
    const { value } = byId(id, HTMLSelectElement);
    return offered.find((option) => option === value) ?? fallback;
  };
  /** A number that may be left to the library. */
  const optional = (id: string): number | undefined =>
    field(id).value.trim() === "" || !Number.isFinite(Number(field(id).value))
      ? undefined
      : readNumber(field(id));

  restore(fields);
  form.addEventListener("change", (event) => {
    remember(KEY, JSON.stringify(Object.fromEntries(fields.map(({ id, value }) => [id, value]))));
    if (event.target instanceof Element && ENGINE_FIELDS.includes(event.target.id)) onEngineChange();
  });
  byId("settings-reset", HTMLButtonElement).addEventListener("click", () => {
    for (const each of fields) {
      if (each instanceof HTMLSelectElement) each.selectedIndex = 0;
      else each.value = each.defaultValue;
    }
    remember(KEY, "{}");
    onEngineChange();
  });

  return {
    /** Sampling options. An empty seed becomes a random one that is known, so that the text can be had again. */
    sampling(): GenerateOptions & { seed: number } {
      return {
        temperature: readNumber(field("temperature")),
        maxTokens: readNumber(field("max-tokens")),
        topK: readNumber(field("top-k")),
        topP: readNumber(field("top-p")),
        minP: readNumber(field("min-p")),
        repeatPenalty: readNumber(field("repeat-penalty")),
        seed: optional("seed") ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
      };
    },
    /** What the model is told before a conversation; empty for nothing. */
    systemMessage: (): string => byId("system-message", HTMLTextAreaElement).value,
    /** What the model is loaded with; what is left to the library is left out. */
    engine(): EngineOptions {
      const budget = chosen<ExpertBudget | "auto">("expert-budget", BUDGETS, "auto");
      const threads = optional("threads");
      const hostBudget = optional("host-budget");
      return {
        backend: chosen("backend", BACKENDS, "auto"),
        routing: chosen("routing", ROUTINGS, "auto"),
        activations: chosen("activations", ACTIVATIONS, "f32"),
        onMiss: chosen("on-miss", ON_MISS, "wait"),
        cacheMargin: readNumber(field("cache-margin")),
        eviction: chosen("eviction", POLICIES, "adaptive"),
        completeInBackground: byId("completion", HTMLSelectElement).value !== "leave",
        ...(budget === "auto" ? {} : { expertBudget: budget }),
        ...(threads === undefined ? {} : { threads }),
        ...(hostBudget === undefined ? {} : { hostBudget: hostBudget * MEGABYTE }),
      };
    },
  };
}
