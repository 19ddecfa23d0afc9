import { proxy, type Remote, releaseProxy, wrap } from "comlink";
import { throwIfAborted, WebMoEError } from "../api/errors.ts";
import type { ManageOptions, ModelManager } from "../api/models.ts";
import type { LoadOptions } from "../api/options.ts";
import { type Calls, workerCalls } from "./calls.ts";
import { absolute, type StartWorker } from "./client.ts";
import { carryErrors } from "./errors.ts";
import type { ManagerHost, WireProgress } from "./manager-protocol.ts";
import type { CallId } from "./protocol.ts";

carryErrors();

const closedError = (): WebMoEError => new WebMoEError("aborted", "The manager of stored models was closed.");

/** A running worker. */
interface Link {
  readonly worker: Worker;
  readonly host: Remote<ManagerHost>;
  /** Fail when the worker cannot run, or the manager is closed. */
  readonly calls: Calls;
}

const link = (worker: Worker): Link => ({
  worker,
  calls: workerCalls(worker),
  host: wrap<ManagerHost>(worker),
});

/** Stored models, looked after in a worker of its own, which starts with the first call that needs it. */
export function managerInWorker(
  start: StartWorker,
  { workerUrl, wasmUrl }: Pick<LoadOptions, "workerUrl" | "wasmUrl">,
): ModelManager {
  let current: Link | undefined;
  let lastCall: CallId = 0;

  function begin(): Link {
    const begun = link(start(workerUrl === undefined ? undefined : absolute(workerUrl)));
    // Calls arrive in their order, and a worker that cannot run says so to those that follow.
    if (wasmUrl !== undefined) begun.host.useCode(absolute(wasmUrl)).catch(() => undefined);
    return begun;
  }
  function running(): Link {
    current ??= begin();
    return current;
  }
  function call<T>(work: (host: Remote<ManagerHost>) => Promise<T>): Promise<T> {
    const { host, calls } = running();
    return calls(work(host));
  }

  async function abortable<T>(
    { signal, onProgress }: ManageOptions,
    work: (host: Remote<ManagerHost>, id: CallId, progress: WireProgress) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    const id = ++lastCall;
    const cancel = (): void => void current?.host.endCall(id);
    signal?.addEventListener("abort", cancel);
    // Progress has a channel of its own and may come after what it was about.
    let goesOn = true;
    const progress = onProgress && proxy((done: number, all: number) => goesOn && onProgress(done, all));
    try {
      return await call((host) => work(host, id, progress as WireProgress));
    } finally {
      goesOn = false;
      signal?.removeEventListener("abort", cancel);
    }
  }

  return {
    list: () => call((host) => host.listModels()),
    verify: (key, options = {}) =>
      abortable(options, (host, id, progress) => host.verifyModel(id, key, progress)),
    repair: (key, options = {}) =>
      abortable(options, (host, id, progress) => host.repairModel(id, key, progress)),
    delete: (key) => call((host) => host.deleteModel(key)),
    async export(key, { file = 0, signal } = {}) {
      throwIfAborted(signal);
      const id = ++lastCall;
      const begun = running();
      const { name, byteLength } = await call((host) => host.startExport(id, key, file));
      const cancel = (): void => {
        if (current === begun) void begun.host.endCall(id);
      };
      signal?.addEventListener("abort", cancel);
      if (signal?.aborted) cancel();
      const unlink = (): void => signal?.removeEventListener("abort", cancel);
      const stream = new ReadableStream<Uint8Array>({
        async pull(controller) {
          try {
            // Whoever reads on after closing must not start a worker that nobody ends.
            if (current !== begun) throw closedError();
            const chunk = await call((host) => host.nextChunk(id));
            if (chunk) return controller.enqueue(chunk);
            unlink();
            controller.close();
          } catch (error) {
            unlink();
            controller.error(error);
          }
        },
        cancel() {
          unlink();
          cancel();
        },
      });
      return { name, byteLength, stream };
    },
    import: (files, options = {}) =>
      abortable(options, (host, id, progress) =>
        host.importModel(id, files instanceof Blob ? [files] : [...files], progress),
      ),
    storage: () => call((host) => host.storageState()),
    // Only a page may ask, no worker.
    persist: async () => (await navigator.storage?.persist?.().catch(() => false)) ?? false,
    async close() {
      const open = current;
      current = undefined;
      if (!open) return;
      open.calls.fail(closedError());
      open.host[releaseProxy]();
      open.worker.terminate();
    },
  };
}
