import { throwIfAborted, WebMoEError } from "../api/errors.ts";
import { ABSENT, type Backend, CHUNK_ROWS, type Decisions, type ReadResult } from "../backend/backend.ts";
import type { ExpertsOp, ForwardPlan, LayerPlan, RouteOp } from "../model/plan.ts";
import type { Prediction, Residency } from "../residency/residency.ts";
import type { GateListener, RoutingListener } from "../residency/routing-listener.ts";
import type { Core, DispatchPlan } from "../wasm/core.ts";
import type { InexactRouter } from "./inexact.ts";
import { createLookahead } from "./lookahead.ts";
import { type Decoded, type Finish, type Finished, NOTHING, type Passes } from "./passes.ts";
import type { Segments } from "./segments.ts";
import { yielder } from "./yield.ts";

const NOTHING_ROUTED = {
  ids: new Uint32Array(0),
  weights: new Float32Array(0),
  slots: new Uint32Array(0),
};

export interface Executor extends Passes {
  readonly counters: ExecutorCounters;
  /** `[layers, expertsPerToken]` of the last settled token; empty before the first. */
  readonly picks: Uint32Array;
}

export interface ExecutorCounters {
  /** Segments run again because an expert was missing. */
  replays: number;
  /** Tokens decoded, and layers that ran for them, each replay counted. */
  decodedTokens: number;
  layerExecutions: number;
}

export interface ExecutorOptions {
  readonly plan: ForwardPlan;
  readonly backend: Backend;
  readonly core: Core;
  readonly residency: Residency;
  readonly listeners: readonly RoutingListener[];
  /** Reroutes generated tokens, where the user has asked for that. */
  readonly inexact?: InexactRouter;
  /** Told ahead what gates will pick, where the backend is the CPU. */
  readonly gates?: GateListener;
  /** Where a decode pass that the device routes is cut into submissions. */
  readonly segments: Segments;
}

/** A segment's answer, and when the device worked on it. */
interface Ran {
  readonly result: ReadResult;
  readonly began: number;
  readonly ended: number;
}

/** The pass behind the last one. */
interface PassAhead {
  readonly position: number;
  readonly finish: Finish;
  readonly run: Promise<Ran>;
  /** What it computes; undefined until the pass before has told. */
  token?: number;
}

/** Tokens in a row that missed nothing, from which on the next is expected not to either. */
const CLEAN_TOKENS = 64;

const UNFINISHED: Finished = { token: ABSENT, logits: new Float32Array(0) };

/**
 * Runs any plan on any backend.
 *
 * Prefill, and decode wherever a segment cannot work, is **cut at the router**: up to a layer's router logits (or
 * the device's decisions), then the experts in waves that fit the slots. Decode with a device router runs in
 * **segments** of several layers; one that missed an expert is replayed from the first layer that did. Both run
 * the same kernels on the same rows, so which one ran never shows in a token.
 *
 * Where a segment is the whole pass and misses are rare, the next token's pass is submitted **ahead**, while this
 * one's answer is on its way: the device then has its token before the CPU does. If this one missed an expert after
 * all, the pass ahead is forgotten, and this one begins again, since the other has overwritten its replay inputs.
 */
export function createExecutor(options: ExecutorOptions): Executor {
  const { plan, backend, core, residency, listeners, gates, inexact, segments } = options;
  const { expertsPerToken, expertCount, layerCount } = plan.hyperparameters;
  const moeLayers = plan.layers.filter((layer) => layer.moe);
  // With fewer slots than a token needs at once, a replay would never settle its layer.
  const decodesInSegments =
    backend.routesOnDevice && moeLayers.every((layer) => residency.slotsOf(layer.index) >= expertsPerToken);
  // A GPU would need a round trip for what it is to save.
  const lookahead =
    gates && backend.numerics.backend === "wasm" ? createLookahead(plan, backend, core) : undefined;
  const yieldIfDue = yielder();
  const counters: ExecutorCounters = { replays: 0, decodedTokens: 0, layerExecutions: 0 };
  let picks = new Uint32Array(0);
  let passTokens: Uint32Array = picks;
  let passAhead: PassAhead | undefined;
  /** Tokens since one missed an expert. */
  let cleanTokens = 0;
  /** When the device was done with what it was given last. */
  let deviceEnded = 0;

  /** What a layer of this pass decided, once and exact. */
  const settle = (layer: number, decisions: Decisions): void => {
    const { ids } = decisions;
    residency.account(layer, passTokens, decisions);
    for (const listener of listeners) listener.layer(layer, decisions);
    if (picks.length === 0) picks = new Uint32Array(layerCount * expertsPerToken);
    picks.set(ids.subarray(ids.length - expertsPerToken), layer * expertsPerToken);
  };

  /** The router's picks, and what is run: the same, unless routing is inexact. */
  interface Routed {
    readonly exact: Decisions;
    readonly taken: Decisions;
  }

  async function decide(op: RouteOp, phase: "prefill" | "decode"): Promise<Routed> {
    if (phase === "decode" && backend.routesOnDevice) {
      backend.run(op);
      const { routing } = await backend.submit({ routing: { from: op.layer, to: op.layer + 1 } });
      return { exact: routing!, taken: routing! };
    }
    const { value } = await backend.submit({ value: op.logits });
    const exact = core.route(op.spec, value!, value!.length / op.spec.expertCount);
    const taken = phase === "decode" && inexact ? inexact.take(op.layer, op.spec, value!, exact) : exact;
    backend.setDecisions(op, taken);
    return { exact, taken };
  }

  async function runExperts(op: ExpertsOp, { exact, taken }: Routed, signal?: AbortSignal): Promise<void> {
    settle(op.layer, exact);
    for await (const wave of residency.waves(op.layer, dispatchOf(taken.ids), signal)) {
      await backend.runWave(op, wave);
      throwIfAborted(signal);
    }
  }

  function dispatchOf(ids: Uint32Array): DispatchPlan {
    if (!ids.includes(ABSENT)) return core.groupByExpert(ids, expertCount);
    // A token that goes without some of its picks: its entries are the ranks of the others.
    const ranks = Array.from(ids.keys()).filter((rank) => ids[rank] !== ABSENT);
    const dispatch = core.groupByExpert(
      Uint32Array.from(ranks, (rank) => ids[rank]!),
      expertCount,
    );
    return { ...dispatch, entries: dispatch.entries.map((entry) => ranks[entry]!) };
  }

  async function runLayerCut(
    layer: LayerPlan,
    phase: "prefill" | "decode",
    signal?: AbortSignal,
  ): Promise<void> {
    let routed: Routed | undefined;
    const askBefore = phase === "decode" && gates?.wantsGates() ? lookahead?.before(layer.index) : undefined;
    for (const op of layer.ops) {
      if (op === askBefore) gates!.gates(layer.index + 1, await lookahead!.ask(layer.index));
      if (op.kind === "route") routed = await decide(op, phase);
      else if (op.kind === "experts") await runExperts(op, routed!, signal);
      else backend.run(op);
    }
    if (phase === "decode") counters.layerExecutions++;
    await yieldIfDue();
    throwIfAborted(signal);
  }

  const samples = (finish: Finish): boolean => finish.kind === "token" && backend.canSample(finish.params);

  /** Runs the epilogue and what follows it on the device; returns what to read back. */
  function encodeFinish(finish: Finish): { token?: boolean; value?: number } {
    if (finish.kind === "nothing") return {};
    for (const op of plan.epilogue) backend.run(op);
    if (finish.kind === "token" && backend.canSample(finish.params)) {
      backend.sample(finish.params);
      return { token: true };
    }
    return { value: plan.logits };
  }

  function finished(result: ReadResult, finish: Finish): Finished {
    if (finish.kind === "nothing") return UNFINISHED;
    const logits = result.value ?? new Float32Array(0);
    if (finish.kind === "logits") {
      if (!logits.every(Number.isFinite)) throw overflow();
      return { token: ABSENT, logits };
    }
    if (result.token !== undefined) {
      if (result.token === ABSENT) throw overflow();
      return { token: result.token, logits };
    }
    const token = core.sample(logits, finish.params);
    // NaN loses to every number and ∞ wins: one look at the winner tells.
    if (!Number.isFinite(logits[token])) throw overflow();
    return { token, logits };
  }

  async function runCut(
    phase: "prefill" | "decode",
    finish: Finish,
    signal?: AbortSignal,
  ): Promise<Finished> {
    for (const op of plan.prologue) backend.run(op);
    for (const layer of plan.layers) await runLayerCut(layer, phase, signal);
    // What is recorded when the next pass begins is forgotten: keys and values of a dense layer would be lost.
    return finished(await backend.submit(encodeFinish(finish)), finish);
  }

  /** Runs [from, to) and, where the segment ends behind it, the finish; all is submitted when this returns. */
  async function runSegment(from: number, end: number, finish: Finish): Promise<Ran> {
    const submitted = performance.now();
    const to = Math.min(end, layerCount);
    if (from === 0) for (const op of plan.prologue) backend.run(op);
    for (const layer of plan.layers.slice(from, to)) for (const op of layer.ops) backend.run(op);
    const result = await backend.submit({
      ...(to > from && { routing: { from, to } }),
      ...(end > layerCount && encodeFinish(finish)),
    });
    const began = Math.max(submitted, deviceEnded);
    deviceEnded = performance.now();
    return { result, began, ended: deviceEnded };
  }

  /** Submits the whole pass behind the one that is on its way. What fails in it fails whoever asks for it. */
  async function runAhead(position: number, finish: Finish): Promise<void> {
    let run: Promise<Ran>;
    try {
      await backend.beginPass({ phase: "decode", position, tokens: "sampled" });
      run = runSegment(0, layerCount + 1, finish);
    } catch (error) {
      run = Promise.reject(error);
    }
    run.catch(() => undefined);
    passAhead = { position, finish, run };
  }

  /** Without misses ahead pays a round trip a token; one miss takes the pass ahead and what was right of its own. */
  const missesAreRare = (): boolean =>
    cleanTokens >= CLEAN_TOKENS || residency.counters.residentExperts === moeLayers.length * expertCount;

  interface DecodePass {
    readonly position: number;
    readonly tokens: Uint32Array;
    readonly finish: Finish;
    /** If it was submitted ahead. */
    readonly early?: Promise<Ran>;
    readonly ahead: Finish | undefined;
  }

  async function runSegments(pass: DecodePass, signal?: AbortSignal): Promise<Decoded> {
    const { position, tokens, finish, early, ahead } = pass;
    const called = performance.now();
    segments.beginToken();
    const first = segments.end(0, false);
    let from = 0;
    let accounted = 0;
    let settled = false;
    let missedAny = false;
    let headStartMs = 0;
    let end = early ? layerCount + 1 : first;
    let run = early ?? runSegment(from, end, finish);
    if (ahead && first > layerCount && samples(finish) && samples(ahead) && missesAreRare()) {
      // Its failure is met below, when the next pass was begun.
      run.catch(() => undefined);
      await runAhead(position + 1, ahead);
    }
    for (;;) {
      const to = Math.min(end, layerCount);
      const { result, began, ended } = await run;
      counters.layerExecutions += to - from;
      headStartMs += Math.max(0, Math.min(called, ended) - began);
      throwIfAborted(signal);

      const { ids, weights, slots } = result.routing ?? NOTHING_ROUTED;
      const picksOf = <T extends Uint32Array | Float32Array>(values: T, layer: number): T =>
        values.subarray((layer - from) * expertsPerToken, (layer - from + 1) * expertsPerToken) as T;
      const lacks = Array.from({ length: to - from }, (_, i) => picksOf(slots, from + i).includes(ABSENT));
      segments.ran(from, end, lacks, ended - began);
      const firstMiss = lacks.indexOf(true);
      const missed = firstMiss < 0 ? to : from + firstMiss;
      // Everything up to the first layer that missed is exact, its own picks included.
      for (const { index } of moeLayers) {
        if (index < accounted || index > missed || index >= to) continue;
        settle(index, { ids: picksOf(ids, index), weights: picksOf(weights, index) });
      }
      accounted = Math.max(accounted, Math.min(missed + 1, to));
      settled = firstMiss >= 0;
      if (!settled) {
        if (end > layerCount) {
          cleanTokens = missedAny ? 0 : cleanTokens + 1;
          const done = finished(result, finish);
          if (passAhead) passAhead.token = done.token;
          return { ...done, headStartMs };
        }
        from = to;
      } else {
        missedAny = true;
        const predicted: Prediction[] = moeLayers
          .filter(({ index }) => index > missed && index < to)
          .map(({ index }) => ({ layer: index, experts: picksOf(ids, index) }));
        const asked = performance.now();
        await residency.acquire(missed, picksOf(ids, missed), predicted, signal);
        segments.fetched(performance.now() - asked);
        throwIfAborted(signal);
        counters.replays++;
        from = missed;
        if (passAhead) {
          passAhead = undefined;
          await backend.beginPass({ phase: "decode", position, tokens });
          from = 0;
          settled = false;
        }
      }
      await yieldIfDue();
      end = segments.end(from, settled);
      run = runSegment(from, end, finish);
    }
  }

  /** Tokens of the chunks that stand in the KV cache whole, in the order they were prefilled. */
  let prefilled = new Uint32Array(0);
  /** Rows of whole chunks that begin `tokens` and stand in the KV cache. The last row is always computed: it has the logits. */
  function reusableRows(tokens: Uint32Array): number {
    const most = Math.min(prefilled.length, tokens.length - 1);
    let same = 0;
    while (same < most && tokens[same] === prefilled[same]) same++;
    return same - (same % CHUNK_ROWS);
  }

  /** The pass that was submitted ahead, if it is this one; it is nobody's afterwards. */
  function takeAhead(token: number, position: number, finish: Finish): Promise<Ran> | undefined {
    const taken = passAhead;
    passAhead = undefined;
    const isThis = taken?.token === token && taken.position === position && taken.finish === finish;
    return isThis ? taken.run : undefined;
  }

  return {
    async prefill(tokens, finish, signal) {
      passAhead = undefined;
      await residency.share();
      const reusedTokens = reusableRows(tokens);
      // What follows is overwritten, by this prompt's chunks or by the tokens that it is answered with.
      prefilled = tokens.slice(0, reusedTokens);
      let last = UNFINISHED;
      for (let start = reusedTokens; start < tokens.length; start += CHUNK_ROWS) {
        throwIfAborted(signal);
        const end = start + CHUNK_ROWS;
        const chunk = tokens.subarray(start, end);
        passTokens = chunk;
        await backend.beginPass({ phase: "prefill", position: start, tokens: chunk });
        for (const listener of listeners) listener.beginPass("prefill", start, chunk);
        last = await runCut("prefill", end >= tokens.length ? finish : NOTHING, signal);
        for (const listener of listeners) listener.endPass();
        if (end <= tokens.length) prefilled = tokens.slice(0, end);
      }
      return { ...last, reusedTokens };
    },
    async decode(token, position, finish, signal, ahead) {
      throwIfAborted(signal);
      const tokens = Uint32Array.of(token);
      const early = takeAhead(token, position, finish);
      passTokens = tokens;
      if (!early) await backend.beginPass({ phase: "decode", position, tokens });
      for (const listener of listeners) listener.beginPass("decode", position, tokens);
      const next = decodesInSegments
        ? await runSegments({ position, tokens, finish, early, ahead }, signal)
        : { ...(await runCut("decode", finish, signal)), headStartMs: 0 };
      for (const listener of listeners) listener.endPass();
      counters.decodedTokens++;
      return next;
    },
    counters,
    get picks() {
      return picks;
    },
  };
}

/** Weights were finite one by one when they arrived, and were too large together. */
const overflow = (): WebMoEError =>
  new WebMoEError(
    "bad-gguf",
    "The model's weights are so large that its logits are not finite numbers: the file is damaged. Get it anew.",
  );
