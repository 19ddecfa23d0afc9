import { proxy, type Remote, releaseProxy, wrap } from "comlink";
import { throwIfAborted, WebMoEError } from "../api/errors.ts";
import { isMessages } from "../api/messages.ts";
import type { Model } from "../api/model.ts";
import type { Notice } from "../api/notice.ts";
import type { LoadOptions, LoadProgress, ModelSource } from "../api/options.ts";
import { workerCalls } from "./calls.ts";
import { carryErrors } from "./errors.ts";
import type { CallId, EngineHost, WireSource } from "./protocol.ts";

carryErrors();

/** Starts the engine's worker, from elsewhere if `workerUrl` says so. */
export type StartWorker = (workerUrl: string | undefined) => Worker;

/** Relative to the page, not to the worker's script. */
export function absolute(url: string | URL): string {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  } catch (cause) {
    throw new WebMoEError("invalid-argument", `${String(url)} is neither a URL nor a file.`, { cause });
  }
}

function wireSource(source: ModelSource): WireSource {
  const one = (item: string | URL | Blob): string | Blob => {
    if (item instanceof Blob) return item;
    // No URLs: they are read as they are written, by those who check them.
    return typeof item === "string" && /^(hf|imported):/i.test(item) ? item : absolute(item);
  };
  return Array.isArray(source) ? source.map(one) : one(source as string | URL | Blob);
}

/**
 * Loads a model in a dedicated worker, which `start` starts. Errors: those of the engine; `network` if the worker
 * cannot start.
 */
export async function loadInWorker(
  start: StartWorker,
  source: ModelSource,
  options: LoadOptions,
): Promise<Model> {
  const { signal, onProgress, onNotice, workerUrl, wasmUrl, ...engineOptions } = options;
  throwIfAborted(signal);
  const wired = wireSource(source);
  const wireOptions = { ...engineOptions, ...(wasmUrl !== undefined && { wasmUrl: absolute(wasmUrl) }) };
  const worker = start(workerUrl === undefined ? undefined : absolute(workerUrl));
  const call = workerCalls(worker);
  const host: Remote<EngineHost> = wrap<EngineHost>(worker);
  let lastCall: CallId = 0;

  /** Runs `work` under a call number that `abortSignal` cancels. */
  const cancellable = async <T>(
    abortSignal: AbortSignal | undefined,
    work: (id: CallId) => Promise<T>,
  ): Promise<T> => {
    throwIfAborted(abortSignal);
    const id = ++lastCall;
    const cancel = (): void => void host.cancel(id);
    abortSignal?.addEventListener("abort", cancel);
    try {
      return await call(work(id));
    } finally {
      abortSignal?.removeEventListener("abort", cancel);
    }
  };

  const stop = (): void => {
    host[releaseProxy]();
    worker.terminate();
  };

  let disposed = false;
  const live = (): void => {
    if (disposed) throw new WebMoEError("invalid-argument", "The model was disposed of.");
  };

  try {
    // Progress has a channel of its own and may come after what it was about.
    let loaded = false;
    const progress = onProgress && proxy((event: LoadProgress) => (loaded ? undefined : onProgress(event)));
    const notice = proxy((news: Notice) => {
      info = news.info;
      onNotice?.(news);
    });
    let info = await cancellable(signal, (id) => host.load(id, wired, wireOptions, progress, notice));
    loaded = true;
    return {
      get info() {
        return info;
      },
      async *generate(prompt, generateOptions = {}) {
        live();
        const { signal: abortSignal, ...wireGenerate } = generateOptions;
        throwIfAborted(abortSignal);
        const id = ++lastCall;
        const cancel = (): void => void host.cancel(id);
        abortSignal?.addEventListener("abort", cancel);
        try {
          const wirePrompt =
            typeof prompt === "string" || isMessages(prompt) ? prompt : Uint32Array.from(prompt);
          await call(host.start(id, wirePrompt, wireGenerate));
          for (;;) {
            const { tokens, result } = await call(host.next(id));
            for (const token of tokens) {
              throwIfAborted(abortSignal);
              yield token;
            }
            if (result) return result;
          }
        } finally {
          abortSignal?.removeEventListener("abort", cancel);
          if (!disposed) cancel();
        }
      },
      evaluate(tokenIds, { signal: abortSignal } = {}) {
        live();
        return cancellable(abortSignal, (id) => host.evaluate(id, Uint32Array.from(tokenIds)));
      },
      async tokenize(text, tokenizeOptions = {}) {
        live();
        return call(host.tokenize(text, tokenizeOptions));
      },
      async detokenize(tokenIds) {
        live();
        return call(host.detokenize(Uint32Array.from(tokenIds)));
      },
      async stats() {
        live();
        return call(host.stats());
      },
      async experts() {
        live();
        return call(host.experts());
      },
      async trace(traceOptions = {}) {
        live();
        await call(host.startTrace(traceOptions));
        let stopped = false;
        const running = (): void => {
          live();
          if (stopped) throw new WebMoEError("invalid-argument", "This trace was stopped before.");
        };
        return {
          async read() {
            running();
            return call(host.readTrace());
          },
          async stop() {
            running();
            stopped = true;
            return call(host.stopTrace());
          },
        };
      },
      async dispose() {
        if (disposed) return;
        disposed = true;
        await call(host.dispose()).catch(() => undefined);
        stop();
      },
    };
  } catch (error) {
    stop();
    throw error;
  }
}
