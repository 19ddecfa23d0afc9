import type { BackendChoice, GenerateOptions } from "../index.ts";
import { byId } from "./dom.ts";
import type { ExpertRoom } from "./session.ts";

/** What the form offers. */
const EXPERT_ROOMS: readonly ExpertRoom[] = ["auto", "all", "50%", "25%", "10%", "min"];

/** A number within the field's own limits; nonsense turns back into the field's default, and the field shows it. */
function readNumber(field: HTMLInputElement): number {
  const typed = field.value.trim() === "" ? Number.NaN : Number(field.value);
  const sane = Number.isFinite(typed) ? typed : Number(field.defaultValue);
  const within = Math.min(Number(field.max), Math.max(Number(field.min), sane));
  const value = field.step === "1" ? Math.round(within) : within;
  field.value = String(value);
  return value;
}

/** Sampling options, backend and expert budget, as set by the person. */
export function createSettings(onEngineChange: () => void) {
  const number = (id: string): HTMLInputElement => byId(id, HTMLInputElement);
  const backend = byId("backend", HTMLSelectElement);
  const budget = byId("expert-budget", HTMLSelectElement);
  const completion = byId("completion", HTMLSelectElement);
  const seed = number("seed");
  backend.addEventListener("change", onEngineChange);
  budget.addEventListener("change", onEngineChange);
  completion.addEventListener("change", onEngineChange);

  return {
    /** Sampling options. An empty seed becomes a random one that is known, so that the text can be had again. */
    sampling(): GenerateOptions & { seed: number } {
      const isSeeded = seed.value.trim() !== "" && Number.isFinite(Number(seed.value));
      return {
        temperature: readNumber(number("temperature")),
        maxTokens: readNumber(number("max-tokens")),
        topK: readNumber(number("top-k")),
        topP: readNumber(number("top-p")),
        minP: readNumber(number("min-p")),
        repeatPenalty: readNumber(number("repeat-penalty")),
        seed: isSeeded ? readNumber(seed) : crypto.getRandomValues(new Uint32Array(1))[0]!,
      };
    },
    /** What the model is told before a conversation; empty for nothing. */
    systemMessage: (): string => byId("system-message", HTMLTextAreaElement).value,
    backend(): BackendChoice {
      return backend.value === "webgpu" || backend.value === "wasm" ? backend.value : "auto";
    },
    expertBudget(): ExpertRoom {
      return EXPERT_ROOMS.find((room) => room === budget.value) ?? "auto";
    },
    completeInBackground(): boolean {
      return completion.value !== "leave";
    },
  };
}

export type Settings = ReturnType<typeof createSettings>;
