import { hasCode, throwIfAborted } from "../api/errors.ts";
import type { ModelInfo } from "../api/info.ts";
import type { Model } from "../api/model.ts";
import type { LoadOptions, LoadProgress, ModelSource } from "../api/options.ts";
import { chatPrompts } from "../chat/prompt.ts";
import type { OpenedModel } from "../experts/identity.ts";
import { type Library, openLibrary } from "../experts/library.ts";
import type { PartStore } from "../experts/store/store.ts";
import { readGgufHeader } from "../model/gguf/read.ts";
import { describeModel, type ModelDescription } from "../model/model.ts";
import { splitCountOf } from "../model/model-file.ts";
import { tokenizerFrom } from "../model/tokenizer/from-metadata.ts";
import { routingRecorder } from "../residency/recorder.ts";
import type { RoutingListener } from "../residency/routing-listener.ts";
import { everyExpertFits } from "../residency/slot-budget.ts";
import { type Core, instantiateCore } from "../wasm/core.ts";
import { createCompute } from "./compute.ts";
import { partDirectory } from "./directory.ts";
import { idleWork } from "./idle-work.ts";
import { modelInfo } from "./model-info.ts";
import type { Platform } from "./platform.ts";
import { createRecovery, type Recovery } from "./recovery.ts";
import { createSession } from "./session.ts";
import { contextLengthFor, type LoadSettings, loadSettings } from "./settings.ts";

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
    if (hasCode(error, "source-changed")) return open(true);
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
  let recovery: Recovery | undefined;
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
    const listeners: RoutingListener[] = [];
    let info: ModelInfo | undefined;
    let trunkIsLoaded = false;
    const proven = new Map<string, { plain: boolean }>();
    const target = { platform, core, library: parts, plan, contextLength, settings, proven, listeners };
    const compute = await createRecovery({
      choice: settings.backend,
      expertBudget: settings.expertBudget,
      signal,
      build: (chosen) =>
        createCompute(
          {
            ...target,
            onTrunk(done, total) {
              progress("trunk", done, total);
              trunkIsLoaded = done === total;
            },
            // Both go on at once; the trunk's bytes say more of how long it takes.
            onCompile(done, total) {
              if (trunkIsLoaded) progress("compile", done, total);
            },
          },
          chosen,
        ),
      onBuilt(built) {
        // Where every expert has a slot no record is asked for twice, and a copy in host memory would only take room.
        const holdsAll = everyExpertFits(built.residency.counts, plan.hyperparameters.expertCount);
        parts.limitHostTier(holdsAll ? 0 : hostBudget);
        info = modelInfo({
          description,
          chatTemplate: chat.source,
          ...built,
          contextLength,
          fileBytes: opened.files.reduce((sum, { size }) => sum + size, 0),
          hostTierBytes: parts.counters().hostTierBytes,
        });
      },
      notify: (kind, message) => options.onNotice?.({ kind, message, info: info! }),
    });
    recovery = compute;
    throwIfAborted(signal);
    const { expertCount, expertsPerToken, vocabSize } = plan.hyperparameters;
    const { backend } = compute.current!;
    const recordBytes = plan.layers.map((layer) => backend.slotBytes(layer.index));
    const recorder = routingRecorder({ vocabSize, expertCount, expertsPerToken, recordBytes });
    listeners.push(compute.onFirstRun(recorder));
    const completion = idleWork(
      settings.completeInBackground && store.kind === "indexeddb"
        ? (idleSignal) => library!.complete(idleSignal)
        : undefined,
    );
    return createSession({
      info: () => info!,
      recovery: compute,
      tokenizer,
      chat,
      recorder,
      completion,
      counters: library.counters,
      async close() {
        await completion.stop();
        await library!.close();
      },
    });
  } catch (error) {
    recovery?.dispose();
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
