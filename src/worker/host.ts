import { transfer } from "comlink";
import { WebMoEError } from "../api/errors.ts";
import type { Trace } from "../api/info.ts";
import type { Model } from "../api/model.ts";
import type { LoadOptions } from "../api/options.ts";
import { type TokenFeed, tokenFeed } from "./feed.ts";
import type { CallId, EngineHost, WireLoadOptions, WireSource } from "./protocol.ts";

type HostLoadOptions = WireLoadOptions & Pick<LoadOptions, "signal" | "onProgress" | "onNotice">;

/** The worker's end: one model behind numbered calls. */
export function engineHost(
  load: (source: WireSource, options: HostLoadOptions) => Promise<Model>,
): EngineHost {
  const aborts = new Map<CallId, AbortController>();
  const feeds = new Map<CallId, TokenFeed>();
  let loaded: Model | undefined;
  let trace: Trace | undefined;

  const model = (): Model => {
    if (!loaded)
      throw new WebMoEError("invalid-argument", "No model is loaded; it was disposed of or never loaded.");
    return loaded;
  };
  const running = (): Trace => {
    if (!trace) throw new WebMoEError("invalid-argument", "No trace is being recorded.");
    return trace;
  };
  const signalFor = (call: CallId): AbortSignal => {
    const controller = new AbortController();
    aborts.set(call, controller);
    return controller.signal;
  };
  const settle = async <T>(call: CallId, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } finally {
      aborts.delete(call);
    }
  };

  return {
    async load(call, source, options, onProgress, onNotice) {
      loaded = await settle(
        call,
        load(source, { ...options, signal: signalFor(call), onProgress, onNotice }),
      );
      return loaded.info;
    },
    start(call, prompt, options) {
      const signal = signalFor(call);
      feeds.set(call, tokenFeed(model().generate(prompt, { ...options, signal }), signal));
    },
    async next(call) {
      const feed = feeds.get(call);
      if (!feed) throw new WebMoEError("aborted", "The generation has ended.");
      try {
        const batch = await feed.next();
        if (batch.result) feeds.delete(call);
        return batch;
      } catch (error) {
        feeds.delete(call);
        throw error;
      } finally {
        if (!feeds.has(call)) aborts.delete(call);
      }
    },
    async evaluate(call, tokenIds) {
      const logits = await settle(call, model().evaluate(tokenIds, { signal: signalFor(call) }));
      return transfer(logits, [logits.buffer]);
    },
    cancel(call) {
      aborts.get(call)?.abort();
      // A generation that was left has nobody who asks for the rest of it.
      aborts.delete(call);
      feeds.delete(call);
    },
    tokenize: (text, options) => model().tokenize(text, options),
    detokenize: (tokenIds) => model().detokenize(tokenIds),
    stats: () => model().stats(),
    experts: () => model().experts(),
    async startTrace(options) {
      trace = await model().trace(options);
    },
    async readTrace() {
      const bytes = await running().read();
      return transfer(bytes, [bytes.buffer]);
    },
    async stopTrace() {
      const bytes = await running().stop();
      return transfer(bytes, [bytes.buffer]);
    },
    async dispose() {
      for (const controller of aborts.values()) controller.abort();
      await loaded?.dispose();
      loaded = undefined;
    },
  };
}
