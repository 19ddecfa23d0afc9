import { throwIfAborted, WebMoEError } from "../api/errors.ts";
import type { ModelInfo, Stats } from "../api/info.ts";
import { isMessages } from "../api/messages.ts";
import type { Model, Prompt } from "../api/model.ts";
import type { ChatPrompts } from "../chat/prompt.ts";
import type { LibraryReport } from "../experts/part-loader.ts";
import type { Tokenizer } from "../model/tokenizer/tokenizer.ts";
import type { RoutingRecorder } from "../residency/recorder.ts";
import { checkPrompt, checkResume, generate, type Speed } from "./generate.ts";
import type { IdleWork } from "./idle-work.ts";
import type { Recovery } from "./recovery.ts";
import { generationSettings } from "./sampling.ts";
import { turns } from "./turns.ts";

/** About a million tokens of the embedded model. */
const DEFAULT_TRACE_BYTES = 64 * 1024 ** 2;

export interface SessionParts {
  /** As it is now. */
  readonly info: () => ModelInfo;
  readonly recovery: Recovery;
  readonly tokenizer: Tokenizer;
  readonly chat: ChatPrompts;
  readonly recorder: RoutingRecorder;
  /** What goes on while nothing computes. */
  readonly completion: IdleWork;
  readonly counters: () => LibraryReport;
  /** Ends background work and closes what the session was built on. */
  readonly close: () => Promise<void>;
}

/** A loaded model in the thread that computes: what the worker and Node both serve. */
export function createSession(parts: SessionParts): Model {
  const { recovery, tokenizer, chat, recorder, completion, counters } = parts;
  const { vocabSize, layerCount, expertCount, expertsPerToken, contextLength } = parts.info();
  const queue = turns();
  const disposal = new AbortController();
  const speed: Speed = { prefillTokensPerSecond: 0, decodeTokensPerSecond: 0 };
  const expertBytes = (): number => recovery.current?.backend.memory().expertBytes ?? 0;
  let peakExpertBytes = expertBytes();

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
    checkPrompt(ids, contextLength, vocabSize);
    return ids;
  };

  return {
    get info() {
      return parts.info();
    },
    async *generate(prompt, options = {}) {
      live();
      const settings = generationSettings(options);
      const signal = merged(options.signal);
      throwIfAborted(signal);
      const ids = promptIds(prompt);
      const resume = Uint32Array.from(options.resume ?? []);
      checkResume(resume, ids.length, contextLength, vocabSize);
      const end = await takeTurn();
      try {
        throwIfAborted(signal);
        const generation = { prompt: ids, resume, settings, contextLength, tokenizer, speed, signal };
        return yield* generate({ ...generation, executor: recovery });
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
        return (await recovery.prefill(ids, { kind: "logits" }, signal)).logits;
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
      const counted = recovery.counters();
      const device = recovery.current;
      peakExpertBytes = Math.max(peakExpertBytes, expertBytes());
      return {
        networkBytes: library.networkBytes,
        storeBytes: library.storeBytes,
        hostBytes: library.hostBytes,
        expertHits: counted.hits,
        expertMisses: counted.misses,
        hostHits: library.hostHits,
        hostMisses: library.hostMisses,
        evictions: counted.evictions,
        stallSeconds: counted.stallMs / 1000,
        prefetchedBytes: counted.usefulBytes,
        wastedBytes: counted.wastedBytes,
        replays: counted.replays,
        routingAgreement: device?.inexact?.agreement ?? 1,
        decodedTokens: counted.decodedTokens,
        layerExecutions: counted.layerExecutions,
        slotsPerLayer: Array.from(device?.residency.counts ?? []),
        deviceLosses: counted.deviceLosses,
        residentExperts: device?.residency.counters.residentExperts ?? 0,
        residentExpertBytes: device?.residency.counters.residentExpertBytes ?? 0,
        peakExpertBytes,
        healedParts: library.healedParts,
        storeFailures: library.storeFailures,
        storedIn: library.payloads,
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
        resident: recovery.current?.residency.snapshot() ?? new Uint8Array(layerCount * expertCount),
        picks: recovery.picks.slice(),
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
      recovery.dispose();
    },
  };
}
