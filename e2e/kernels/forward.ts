/** Whole passes over a plan as the engine makes them, with the freedom to do it differently. */
import type { Backend, Decisions } from "../../src/backend/backend.ts";
import { makeWave } from "../../src/backend/testing/run.ts";
import type { ForwardPlan, Op } from "../../src/model/plan.ts";
import { coreInstance } from "./harness.ts";

export interface ForwardOptions {
  readonly phase: "prefill" | "decode";
  readonly position: number;
  readonly tokens: Uint32Array;
  /** How a layer's experts are split into waves; default: all in one. */
  readonly waves?: (experts: readonly number[]) => readonly (readonly number[])[];
  /** Decisions in place of the router's. */
  readonly decisions?: (layer: number) => Decisions;
}

/** One pass with decisions made on the CPU; expert e is in slot e. Returns the logits of the last row. */
export async function forward(
  backend: Backend,
  plan: ForwardPlan,
  { phase, position, tokens, waves = (experts) => [experts], decisions: given }: ForwardOptions,
): Promise<Float32Array> {
  const core = await coreInstance();
  await backend.beginPass({ phase, position, tokens });
  let decisions: Decisions | undefined;
  for (const op of allOps(plan)) {
    if (op.kind === "route") {
      const { value } = await backend.submit({ value: op.logits });
      decisions = given?.(op.layer) ?? core.route(op.spec, value!, tokens.length);
      backend.setDecisions(op, decisions);
    } else if (op.kind === "experts") {
      const { ids } = decisions!;
      const slotOf = (expert: number): number => expert;
      for (const wave of waves([...core.groupByExpert(ids, plan.hyperparameters.expertCount).experts]))
        await backend.runWave(op, makeWave(ids, wave, slotOf));
    } else {
      backend.run(op);
    }
  }
  const { value } = await backend.submit({ value: plan.logits });
  return value!;
}

export interface DecodeResult {
  readonly logits: Float32Array;
  readonly routing: Decisions & { readonly slots: Uint32Array };
}

/** One token in one submission, routed on the device, from the given layer on (a replay if not 0). */
export async function decodeOnDevice(
  backend: Backend,
  plan: ForwardPlan,
  from: { readonly layer: number } | { readonly token: number; readonly position: number },
): Promise<DecodeResult> {
  const first = "layer" in from ? from.layer : 0;
  if (!("layer" in from)) {
    await backend.beginPass({ phase: "decode", position: from.position, tokens: Uint32Array.of(from.token) });
    plan.prologue.forEach(backend.run);
  }
  for (const { ops } of plan.layers.slice(first)) ops.forEach(backend.run);
  plan.epilogue.forEach(backend.run);
  const { value, routing } = await backend.submit({
    value: plan.logits,
    routing: { from: 0, to: plan.layers.length },
  });
  return { logits: value!, routing: routing! };
}

/** One token routed on the device while no expert has a slot: every layer's experts come in waves of one. */
export async function decodeByDeviceWaves(
  backend: Backend,
  plan: ForwardPlan,
  from: { readonly token: number; readonly position: number },
): Promise<Float32Array> {
  const { position, token } = from;
  await backend.beginPass({ phase: "decode", position, tokens: Uint32Array.of(token) });
  for (const op of allOps(plan)) {
    backend.run(op);
    if (op.kind !== "experts") continue;
    const { routing } = await backend.submit({ routing: { from: op.layer, to: op.layer + 1 } });
    for (const expert of routing!.ids)
      await backend.runWave(
        op,
        makeWave(routing!.ids, [expert], (slot) => slot),
      );
  }
  const { value } = await backend.submit({ value: plan.logits });
  return value!;
}

function allOps(plan: ForwardPlan): Op[] {
  return [...plan.prologue, ...plan.layers.flatMap(({ ops }) => ops), ...plan.epilogue];
}
