import type { Notice as EngineNotice, ModelInfo, Stats } from "../../index.ts";
import { formatBytes } from "../format.ts";
import type { Notice, Notices } from "./notices.ts";

const LOCK = "webmoe-page";

const ENGINE: Record<EngineNotice["kind"], (info: ModelInfo) => Notice> = {
  "device-lost": () => ({
    headline: "The GPU was lost, and is in use again.",
    advice:
      "What it held was restored, and the text goes on with the words that it would have had. If this happens often, " +
      "update the graphics driver, or choose WebAssembly under Settings.",
  }),
  "expert-budget-lowered": ({ expertBudget }) => ({
    headline: "The device ran out of memory.",
    advice:
      `Experts have ${formatBytes(expertBudget)} on it from now on: the same words, more waiting. Close other tabs and ` +
      "reload, or choose a smaller expert budget under Settings.",
  }),
  "numerics-changed": ({ numerics }) => ({
    headline: "The GPU cannot be used any more.",
    advice:
      `${numerics.backend === "wasm" ? "The processor" : "Another one"} writes on. What is written stays; words to come ` +
      "can be others than the GPU's. Reload the page to try the GPU again.",
  }),
};

/** Looks at what the page runs on, and says what is missing and what to do. */
export function watchStates(notices: Notices) {
  const showConnection = (): void =>
    notices.set("offline", !navigator.onLine, {
      headline: "You are offline.",
      advice:
        "Conversations and models that are stored whole go on working; anything else needs the network again.",
    });
  addEventListener("online", showConnection);
  addEventListener("offline", showConnection);
  showConnection();

  async function lookForGpu(): Promise<void> {
    const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
    notices.set("no-webgpu", !adapter, {
      headline: "This browser has no WebGPU.",
      advice:
        "Models compute on the processor, which is slower. Newer versions of Chrome, Edge, Safari and Firefox have it; " +
        "there, check that graphics acceleration is switched on.",
    });
  }
  void lookForGpu();

  /** The first tab holds the lock as long as it is open; another one waits for it, and says so. */
  async function lookForOtherTabs(): Promise<void> {
    const notice = {
      headline: "WebMoE is open in another tab.",
      advice:
        "Conversations and stored models are shared, memory is not: if the device gets slow or runs out, close one.",
    };
    const forever = new Promise<never>(() => {});
    await navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
      notices.set("two-tabs", !lock, notice);
      return lock ? forever : undefined;
    });
    await navigator.locks.request(LOCK, () => {
      notices.set("two-tabs", false, notice);
      return forever;
    });
  }
  // Where storage is blocked for this site, locks are too.
  if ("locks" in navigator) lookForOtherTabs().catch(() => undefined);

  return {
    /** Told by the engine while a model is loaded. */
    engineActed({ kind, info }: EngineNotice): void {
      notices.set(kind, true, ENGINE[kind](info));
      // Restored in vain.
      if (kind === "numerics-changed") notices.set("device-lost", false, ENGINE["device-lost"](info));
    },
    /** Conversations or models cannot be stored at all. */
    nothingKept(): void {
      notices.set("nothing-kept", true, {
        headline: "This window keeps nothing.",
        advice:
          "It is private, or storage is switched off for this site. All works, but conversations and models are gone " +
          "when it is closed: open the page in a normal window to keep them.",
      });
    },
    /** What the store has room for beside what a model takes. */
    async checkRoom(info: ModelInfo, stats: Stats): Promise<void> {
      const { quota = Number.POSITIVE_INFINITY, usage = 0 } =
        (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
      const missing = Math.max(0, stats.storableBytes - stats.storedBytes);
      const room = Math.max(0, quota - usage);
      notices.set("little-room", stats.storeFailures > 0 || (stats.storableBytes > 0 && room < missing), {
        headline: "There is too little room to store this model.",
        advice:
          `${room < missing ? `The browser has ${formatBytes(room)} left for this site` : "The browser refuses to store more"}; ` +
          `${info.name} needs ${formatBytes(missing)}. It runs, but has to be fetched again next time. Free space on ` +
          "the device, or delete other sites' data.",
      });
    },
  };
}
