import { throwIfAborted, WebMoEError } from "../api/errors.ts";
import type { Model } from "../api/model.ts";
import type { LoadOptions, LoadProgress, ModelSource } from "../api/options.ts";
import type { Backend } from "../backend/backend.ts";
import { chatPrompts } from "../chat/prompt.ts";
import type { OpenedModel } from "../experts/identity.ts";
import { type Library, openLibrary } from "../experts/library.ts";
import type { PartStore } from "../experts/store/store.ts";
import { readGgufHeader } from "../model/gguf/read.ts";
import { describeModel, type ModelDescription } from "../model/model.ts";
import { splitCountOf } from "../model/model-file.ts";
import { tokenizerFrom } from "../model/tokenizer/from-metadata.ts";
import { prefetchPlanner } from "../residency/prefetch-planner.ts";
import { createPrefetcher } from "../residency/prefetcher.ts";
import { routingRecorder } from "../residency/recorder.ts";
import { createResidency, type Residency } from "../residency/residency.ts";
import { budgetBytes } from "../residency/slot-budget.ts";
import { type Core, instantiateCore } from "../wasm/core.ts";
import { chooseBackend } from "./choose-backend.ts";
import { partDirectory } from "./directory.ts";
import { createExecutor } from "./executor.ts";
import { idleWork } from "./idle-work.ts";
import { modelInfo } from "./model-info.ts";
import type { Platform } from "./platform.ts";
import { createSession } from "./session.ts";
import { contextLengthFor, type LoadSettings, loadSettings } from "./settings.ts";

/** Expert bytes that may be on their way on a guess; half of the host tier where that is less. */
const MAX_PREFETCH_BYTES = 32 * 1024 * 1024;

/**
 * Opens a model: header, then trunk into the backend, then slots; experts come when a token asks for them.
 *
 * Errors: `invalid-argument`, `network`, `source-changed`, `bad-gguf`, `unsupported-architecture`,
 * `unsupported-quantization`, `corrupt-part`, `budget-too-small`, `out-of-memory`, `device-lost`, `aborted`.
 */
export async function loadModel(
  source: ModelSource,
  options: LoadOptions,
  platform: Platform,
): Promise<Model> {
  const settings = loadSettings(options, platform.deviceMemoryBytes);
  const { signal } = options;
  throwIfAborted(signal);
  const core = await instantiateCore(await platform.compileCore());
  const store = await platform.openStore(settings.store);
  const open = (fresh: boolean) => openAndLoad({ source, fresh, core, store, settings, options, platform });
  try {
    return await open(false);
  } catch (error) {
    // Nothing was shown of the old file yet, so the new one may simply take its place.
    if (error instanceof WebMoEError && error.code === "source-changed") return open(true);
    throw error;
  }
}

interface LoadRequest {
  readonly source: ModelSource;
  readonly fresh: boolean;
  readonly core: Core;
  readonly store: PartStore;
  readonly settings: LoadSettings;
  readonly options: LoadOptions;
  readonly platform: Platform;
}

async function openAndLoad(request: LoadRequest): Promise<Model> {
  const { source, fresh, core, store, settings, options, platform } = request;
  const { signal } = options;
  const progress = (phase: LoadProgress["phase"], loadedBytes: number, totalBytes: number): void =>
    options.onProgress?.({ phase, loadedBytes, totalBytes });

  const opened = await platform.openModel(source, {
    store,
    core,
    fresh,
    signal,
    hubToken: options.hubToken,
    splitCount: async (file, opening) => splitCountOf(await readGgufHeader(file, opening)),
  });
  let library: Library | undefined;
  let backend: Backend | undefined;
  try {
    const description = await readDescription(opened, progress, signal);
    const { plan, file, name } = description;
    const tokenizer = tokenizerFrom(file.metadata, core);
    const chat = chatPrompts(tokenizer, file.metadata.optionalString("tokenizer.chat_template"));
    const contextLength = contextLengthFor(plan, settings.contextLength);
    const directory = partDirectory(description);
    const { hostBudget } = settings;
    const parts = await openLibrary({ model: opened, directory, store, core, name, hostBudget });
    library = parts;
    let isFilled = false;
    backend = await chooseBackend(platform, {
      choice: settings.backend,
      routing: settings.routing,
      plan,
      contextLength,
      activations: settings.activations,
      threads: settings.threads,
      async fill(empty) {
        const onBytes = (done: number, total: number): void => progress("trunk", done, total);
        for await (const { spec, rows } of parts.trunk(signal, onBytes)) empty.writeTrunk(spec, rows);
        isFilled = true;
      },
      // Both go on at once; the trunk's bytes say more of how long it takes.
      onCompile(done, total) {
        if (isFilled) progress("compile", done, total);
      },
    });
    const { expertCount, expertsPerToken, layerCount, vocabSize } = plan.hyperparameters;
    const slotBytes = plan.layers.map((layer) => backend!.slotBytes(layer.index));
    const budget = budgetBytes(settings.expertBudget, slotBytes, expertCount);
    const residency = await fitResidency(budget, budgetBytes("all", slotBytes, expertCount), (bytes) =>
      createResidency({
        core,
        backend: backend!,
        provider: library!,
        layerCount,
        expertCount,
        expertsPerToken,
        policy: settings.eviction,
        budget: bytes,
      }),
    );
    throwIfAborted(signal);
    const everyExpertFits = residency.counts.every((count) => count === 0 || count === expertCount);
    const segmentLayers = Math.min(settings.segmentLayers ?? (everyExpertFits ? layerCount : 1), layerCount);
    const recorder = routingRecorder({ vocabSize, expertCount, expertsPerToken, recordBytes: slotBytes });
    const largestRecord = Math.max(...slotBytes);
    const prefetchBytes = Math.min(MAX_PREFETCH_BYTES, settings.hostBudget / 2);
    const prefetcher =
      everyExpertFits || prefetchBytes < largestRecord
        ? undefined
        : createPrefetcher({
            planner: prefetchPlanner({
              prediction: core.prediction,
              predictor: "mixed",
              layerCount,
              expertCount,
              expertsPerToken,
              vocabSize,
            }),
            slots: core.slots,
            provider: library,
            // Reading the store costs this thread what it would save: verifying is most of it.
            atHand: (layer, expert) =>
              library!.residentInHost(layer, expert) || library!.residentInStore(layer, expert),
            fetchedBytes: () => library!.counters().networkBytes,
            recordBytes: slotBytes,
            maxBytes: prefetchBytes,
          });
    const listeners = prefetcher ? [recorder, prefetcher] : [recorder];
    const executor = createExecutor({ plan, backend, core, residency, listeners, segmentLayers });
    const completion = idleWork(
      settings.completeInBackground && store.kind === "indexeddb"
        ? (idleSignal) => library!.complete(idleSignal)
        : undefined,
    );
    return createSession({
      info: modelInfo({
        description,
        chatTemplate: chat.source,
        backend,
        residency,
        contextLength,
        fileBytes: opened.files.reduce((sum, { size }) => sum + size, 0),
        expertBudget: budget,
        hostTierBytes: library.counters().hostTierBytes,
      }),
      backend,
      tokenizer,
      chat,
      executor,
      residency,
      recorder,
      prefetch: prefetcher?.counters,
      completion,
      counters: library.counters,
      async close() {
        await completion.stop();
        await library!.close();
      },
    });
  } catch (error) {
    backend?.dispose();
    if (library) await library.close().catch(() => undefined);
    else opened.close();
    throw error;
  }
}

async function readDescription(
  { files }: OpenedModel,
  progress: (phase: "header", loadedBytes: number, totalBytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<ModelDescription> {
  progress("header", 0, files.length);
  const headers = await Promise.all(files.map((file) => readGgufHeader(file, signal)));
  const bytes = headers.reduce((sum, { headerBytes }) => sum + headerBytes, 0);
  progress("header", bytes, bytes);
  return describeModel(headers);
}

/**
 * Halves the budget until its slots can be had: no browser says how much memory there is.
 *
 * Errors: `budget-too-small`, `out-of-memory` if not even the smallest budget fits.
 */
async function fitResidency(
  budget: number,
  allExpertBytes: number,
  create: (budget: number) => Promise<Residency>,
): Promise<Residency> {
  let attempt = budget;
  let outOfMemory: WebMoEError | undefined;
  for (;;) {
    try {
      return await create(attempt);
    } catch (error) {
      if (!(error instanceof WebMoEError) || error.code !== "out-of-memory") throw outOfMemory ?? error;
      outOfMemory = error;
      attempt = Math.floor(Math.min(attempt, allExpertBytes) / 2);
    }
  }
}
