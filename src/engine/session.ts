import { throwIfAborted, WebMoEError } from "../api/errors.ts";
import type { ModelInfo, Stats } from "../api/info.ts";
import { isMessages } from "../api/messages.ts";
import type { Model, Prompt } from "../api/model.ts";
import type { Backend } from "../backend/backend.ts";
import type { ChatPrompts } from "../chat/prompt.ts";
import type { LibraryReport } from "../experts/part-loader.ts";
import type { Tokenizer } from "../model/tokenizer/tokenizer.ts";
import type { PrefetchCounters } from "../residency/prefetcher.ts";
import type { RoutingRecorder } from "../residency/recorder.ts";
import type { Residency } from "../residency/residency.ts";
import type { Executor } from "./executor.ts";
import { checkPrompt, generate, type Speed } from "./generate.ts";
import type { IdleWork } from "./idle-work.ts";
import { generationSettings } from "./sampling.ts";
import { turns } from "./turns.ts";

/** About a million tokens of the embedded model. */
const DEFAULT_TRACE_BYTES = 64 * 1024 ** 2;

export interface SessionParts {
  readonly info: ModelInfo;
  readonly backend: Backend;
  readonly tokenizer: Tokenizer;
  readonly chat: ChatPrompts;
  readonly executor: Executor;
  readonly residency: Residency;
  readonly recorder: RoutingRecorder;
  /** Absent where there is nothing to fetch ahead. */
  readonly prefetch: PrefetchCounters | undefined;
  /** What goes on while nothing computes. */
  readonly completion: IdleWork;
  readonly counters: () => LibraryReport;
  /** Ends background work and closes what the session was built on. */
  readonly close: () => Promise<void>;
}

/** A loaded model in the thread that computes: what the worker and Node both serve. */
export function createSession(parts: SessionParts): Model {
  const { info, backend, tokenizer, chat, executor, residency, recorder, prefetch, completion, counters } =
    parts;
  const { vocabSize, layerCount, expertCount, expertsPerToken } = info;
  const queue = turns();
  const disposal = new AbortController();
  const speed: Speed = { prefillTokensPerSecond: 0, decodeTokensPerSecond: 0 };
  let peakExpertBytes = backend.memory().expertBytes;

  const live = (): void => {
    if (disposal.signal.aborted) throw new WebMoEError("invalid-argument", "The model was disposed of.");
  };
  const merged = (signal: AbortSignal | undefined): AbortSignal =>
    signal ? AbortSignal.any([signal, disposal.signal]) : disposal.signal;
  /** Waits for this computation's turn; the result ends it. */
  const takeTurn = async (): Promise<() => void> => {
    const resume = completion.pause();
    const end = await queue.take();
    return () => {
      end();
      resume();
    };
  };
  const promptIds = (prompt: Prompt): Uint32Array => {
    const ids =
      typeof prompt === "string"
        ? tokenizer.encode(prompt, { special: true })
        : isMessages(prompt)
          ? chat.encode(prompt)
          : Uint32Array.from(prompt);
    checkPrompt(ids, info.contextLength, vocabSize);
    return ids;
  };

  return {
    info,
    async *generate(prompt, options = {}) {
      live();
      const settings = generationSettings(options);
      const signal = merged(options.signal);
      throwIfAborted(signal);
      const ids = promptIds(prompt);
      const end = await takeTurn();
      try {
        throwIfAborted(signal);
        const { contextLength } = info;
        return yield* generate({ prompt: ids, settings, contextLength, executor, tokenizer, speed, signal });
      } finally {
        end();
      }
    },
    async evaluate(tokenIds, options = {}) {
      live();
      const signal = merged(options.signal);
      throwIfAborted(signal);
      const ids = promptIds(tokenIds);
      const end = await takeTurn();
      try {
        return (await executor.prefill(ids, { kind: "logits" }, signal)).logits;
      } finally {
        end();
      }
    },
    async tokenize(text, options = {}) {
      live();
      return typeof text === "string"
        ? tokenizer.encode(text, { special: true, ...options })
        : chat.encode(text);
    },
    async detokenize(tokenIds) {
      live();
      return tokenizer.decode(Uint32Array.from(tokenIds));
    },
    async stats(): Promise<Stats> {
      live();
      const library = counters();
      const { hits, misses, evictions, stallMs, residentExperts, residentExpertBytes } = residency.counters;
      peakExpertBytes = Math.max(peakExpertBytes, backend.memory().expertBytes);
      return {
        networkBytes: library.networkBytes,
        storeBytes: library.storeBytes,
        hostBytes: library.hostBytes,
        expertHits: hits,
        expertMisses: misses,
        evictions,
        stallSeconds: stallMs / 1000,
        prefetchedBytes: prefetch?.usefulBytes ?? 0,
        wastedBytes: prefetch?.wastedBytes ?? 0,
        replays: executor.replays,
        residentExperts,
        residentExpertBytes,
        peakExpertBytes,
        healedParts: library.healedParts,
        storeFailures: library.storeFailures,
        storedBytes: library.storedBytes,
        storableBytes: library.storableBytes,
        ...speed,
      };
    },
    async experts() {
      live();
      return {
        layerCount,
        expertCount,
        expertsPerToken,
        resident: residency.snapshot(),
        picks: executor.picks.slice(),
      };
    },
    async trace({ maxBytes = DEFAULT_TRACE_BYTES } = {}) {
      live();
      recorder.start(maxBytes);
      return {
        async read() {
          live();
          return recorder.read();
        },
        async stop() {
          live();
          return recorder.stop();
        },
      };
    },
    async dispose() {
      if (disposal.signal.aborted) return;
      disposal.abort();
      // The running computation sees the signal and ends its turn.
      await takeTurn();
      await parts.close();
      backend.dispose();
    },
  };
}
