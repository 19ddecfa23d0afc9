import {
  type GenerateOptions,
  type GenerateResult,
  type LoadOptions,
  type LoadProgress,
  type Model,
  type ModelSource,
  type Notice,
  type Prompt,
  type Token,
  WebMoEError,
} from "../index.ts";

/** How the engine is set up; what is missing is left to the library. */
export type EngineOptions = Omit<LoadOptions, "signal" | "onProgress" | "onNotice">;

/** Everything a load depends on; another value means another model instance. */
export interface ModelRequest {
  readonly source: ModelSource;
  readonly options: EngineOptions;
}

export type Phase = "empty" | "loading" | "ready" | "generating";

export interface SessionEvents {
  onPhase(phase: Phase): void;
  onProgress(progress: LoadProgress): void;
  /** What the engine did on its own. */
  onNotice(notice: Notice): void;
  /** The model to show, or undefined once it is gone. */
  onModel(model: Model | undefined): void;
}

/** Hears one generation. */
export interface GenerationWatcher {
  /** The model is ready: what it is to begin from. A failure ends the generation. */
  onStart(model: Model): Promise<Prompt>;
  onToken(token: Token): void;
}

type Open = (source: ModelSource, options: LoadOptions) => Promise<Model>;

interface Load {
  abort: AbortController;
  model: Promise<Model>;
}

/** After these the instance cannot go on; the next use loads it anew. */
const FATAL: ReadonlySet<string> = new Set(["device-lost", "out-of-memory", "source-changed"]);

/**
 * One model at a time, from choice to text. A new request retires the old model first and only then opens the next,
 * so that two never hold device memory together; whatever finishes late for a retired request is disposed of.
 */
export function createSession(open: Open, events: SessionEvents) {
  let request: ModelRequest | undefined;
  let load: Load | undefined;
  let model: Model | undefined;
  let generation: AbortController | undefined;
  let retired: Promise<void> = Promise.resolve();

  function retire(): void {
    generation?.abort();
    const old = load;
    load = undefined;
    model = undefined;
    if (!old) return;
    old.abort.abort();
    const gone = old.model.then(
      (instance) => instance.dispose(),
      () => undefined,
    );
    retired = Promise.all([retired, gone]).then(
      () => undefined,
      () => undefined,
    );
    events.onModel(undefined);
    events.onPhase("empty");
  }

  async function start(wanted: ModelRequest, signal: AbortSignal): Promise<Model> {
    await retired;
    if (signal.aborted) throw new WebMoEError("aborted", "Another model was chosen.");
    // Progress crosses from the worker on a way of its own and may come after the model itself.
    let isOpen = false;
    const instance = await open(wanted.source, {
      ...wanted.options,
      signal,
      onProgress: (progress) => {
        if (!signal.aborted && !isOpen) events.onProgress(progress);
      },
      onNotice: (notice) => {
        if (!signal.aborted) events.onNotice(notice);
      },
    });
    isOpen = true;
    return instance;
  }

  function loadModel(): Promise<Model> {
    if (load) return load.model;
    if (!request) throw new Error("A model was asked for before one was chosen.");
    const abort = new AbortController();
    const begun: Load = { abort, model: start(request, abort.signal) };
    load = begun;
    events.onPhase("loading");
    begun.model.then(
      (instance) => {
        if (load !== begun) return;
        model = instance;
        events.onModel(instance);
        events.onPhase("ready");
      },
      () => {
        if (load !== begun) return;
        load = undefined;
        events.onPhase("empty");
      },
    );
    return begun.model;
  }

  async function run(
    options: GenerateOptions,
    signal: AbortSignal,
    watcher: GenerationWatcher,
    known: readonly number[],
  ): Promise<GenerateResult | undefined> {
    const instance = await loadModel();
    if (signal.aborted || model !== instance) return undefined;
    events.onPhase("generating");
    const prompt = await watcher.onStart(instance);
    const tokens = instance.generate(prompt, { ...options, signal, resume: known });
    for (let step = await tokens.next(); ; step = await tokens.next()) {
      if (step.done) return step.value;
      if (!signal.aborted) watcher.onToken(step.value);
    }
  }

  return {
    get model(): Model | undefined {
      return model;
    },
    /** Says what the next load is; a loaded or loading model that differs goes at once. */
    configure(next: ModelRequest): void {
      const same =
        request?.source === next.source && JSON.stringify(request.options) === JSON.stringify(next.options);
      if (same) return;
      retire();
      request = next;
    },
    /** Loads the configured model unless that is done or under way. Fails with the library's errors. */
    load: loadModel,
    /** Lets go of the model, and of the choice. */
    clear(): void {
      retire();
      request = undefined;
    },
    /** Loads if needed, then streams tokens, from behind the `known` ones. Undefined means stopped by the person; failures are the library's errors. */
    async generate(
      options: GenerateOptions,
      watcher: GenerationWatcher,
      known: readonly number[] = [],
    ): Promise<GenerateResult | undefined> {
      const abort = new AbortController();
      generation = abort;
      try {
        return await run(options, abort.signal, watcher, known);
      } catch (error) {
        // Whatever else breaks once the person has stopped is told by the next attempt, if it lasts.
        if (abort.signal.aborted || (error instanceof WebMoEError && error.code === "aborted"))
          return undefined;
        if (error instanceof WebMoEError && FATAL.has(error.code)) retire();
        throw error;
      } finally {
        if (generation === abort) generation = undefined;
        if (model) events.onPhase("ready");
      }
    },
    /** Ends a generation, or a load that has not finished. */
    stop(): void {
      generation?.abort();
      if (load && !model) retire();
    },
  };
}

export type Session = ReturnType<typeof createSession>;
