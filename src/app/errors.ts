import { type ErrorCode, WebMoEError } from "../index.ts";
import { ChoiceError } from "./sources.ts";

/** What the page says of a failure: a headline in plain words, and the library's own account of it. */
export interface Explanation {
  headline: string;
  detail: string;
}

const HEADLINES: Record<Exclude<ErrorCode, "aborted">, string> = {
  "unsupported-architecture":
    "This kind of model cannot run here yet. Try a Qwen3-MoE GGUF or the embedded model.",
  "unsupported-quantization":
    "The weights are stored in a form that cannot be read here. Try a Q8_0, Q4_0 or F16 file of the same model.",
  "bad-gguf":
    "This is not a GGUF file, or a damaged one. Check the address or the file, or download it again.",
  "source-changed":
    "The file changed while it was being read. Press Generate to start over with the new one.",
  network: "The model's bytes could not be fetched. Check the address and your connection, then try again.",
  "corrupt-part":
    "Part of the model arrived damaged, more than once. Try again, or use another copy of the file.",
  quota: "The browser's storage is full. Free some space or clear this site's data, then try again.",
  "budget-too-small": "The expert budget is too small for this model. Choose a larger one under Settings.",
  "out-of-memory":
    "The device ran out of memory. Choose a smaller expert budget under Settings, or close other tabs, and try again.",
  "device-lost":
    "The GPU was reset or taken away. Press Generate to go on, or choose WebAssembly under Settings.",
  "context-full":
    "The prompt leaves no room to write. Shorten it, or begin a new conversation, and try again.",
  "in-use": "The model is open. Choose another one here, close other tabs that use it, and try again.",
  "invalid-argument": "That cannot be done with these settings.",
};

/** What to show for a failure; nothing for one the person asked for by stopping. */
export function explain(error: unknown): Explanation | undefined {
  if (error instanceof WebMoEError) {
    if (error.code === "aborted") return undefined;
    return { headline: HEADLINES[error.code], detail: error.message };
  }
  if (error instanceof ChoiceError) return { headline: error.message, detail: "" };
  return {
    headline: "Something went wrong that should not. Press Generate to try again, or reload the page.",
    detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
  };
}
