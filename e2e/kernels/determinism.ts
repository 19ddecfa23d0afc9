/** What must not change a bit on the GPU: how a prompt is cut, how experts are grouped, what was missing at first. */
import { ABSENT } from "../../src/backend/backend.ts";
import { randomWeights, tinyPlan, writeExpert } from "../../src/backend/testing/plans.ts";
import type { DeviceConstraints } from "../../src/backend/webgpu/index.ts";
import { decodeByDeviceWaves, decodeOnDevice, forward } from "./forward.ts";
import { bitDifference, type Finding, fill, gpuBackend, relativeDifference, wasmBackend } from "./harness.ts";

const PROMPT = Uint32Array.from({ length: 13 }, (_, i) => (i * 29 + 3) % 101);
const NEXT_TOKEN = 17;

export async function checkDeterminism(constraints: DeviceConstraints): Promise<Finding[]> {
  const plan = tinyPlan({ layerCount: 3 });
  const weights = randomWeights(plan, 5);
  const [gpu, wasm] = [await gpuBackend(plan, constraints), await wasmBackend(plan)];
  await fill(gpu, plan, weights);
  await fill(wasm, plan, weights);
  const findings: Finding[] = [];
  const prefill = (tokens: Uint32Array, position: number, waves?: (e: readonly number[]) => number[][]) =>
    forward(gpu, plan, { phase: "prefill", position, tokens, ...(waves && { waves }) });

  const whole = await prefill(PROMPT, 0);
  const twin = await forward(wasm, plan, { phase: "prefill", position: 0, tokens: PROMPT });
  findings.push({ what: "logits of a prompt against WASM", difference: relativeDifference(whole, twin) });

  await prefill(PROMPT.subarray(0, 5), 0);
  await prefill(PROMPT.subarray(5, 6), 5);
  const cut = await prefill(PROMPT.subarray(6), 6);
  findings.push({ what: "a prompt in chunks of 5, 1 and 7 rows", difference: bitDifference(cut, whole) });

  const single = await prefill(PROMPT, 0, (experts) => [...experts].reverse().map((expert) => [expert]));
  findings.push({
    what: "a prompt with a wave an expert, last first",
    difference: bitDifference(single, whole),
  });

  const position = PROMPT.length;
  const resident = await decodeOnDevice(gpu, plan, { token: NEXT_TOKEN, position });
  const { ids, weights: gates } = resident.routing;
  const ranks = plan.hyperparameters.expertsPerToken;
  const decisions = (layer: number) => ({
    ids: ids.slice(layer * ranks, (layer + 1) * ranks),
    weights: gates.slice(layer * ranks, (layer + 1) * ranks),
  });
  const decode = { phase: "decode", position, tokens: Uint32Array.of(NEXT_TOKEN), decisions } as const;
  const byWaves = await forward(gpu, plan, {
    ...decode,
    waves: (experts) => experts.map((expert) => [expert]),
  });
  findings.push({
    what: "a token by waves and in one go",
    difference: bitDifference(byWaves, resident.logits),
  });
  const decodeTwin = await forward(wasm, plan, decode);
  findings.push({
    what: "logits of a token against WASM",
    difference: relativeDifference(resident.logits, decodeTwin),
  });

  await decodeOnDevice(gpu, plan, { token: NEXT_TOKEN, position });
  const again = await decodeOnDevice(gpu, plan, { layer: 1 });
  findings.push({
    what: "a pass again from its second layer",
    difference: bitDifference(again.logits, resident.logits),
  });

  // The second layer lacks its best expert at first: what comes after is wrong, and right after the replay.
  const missing = ids[ranks]!;
  const all = Uint32Array.from({ length: plan.hyperparameters.expertCount }, (_, expert) => expert);
  gpu.writeSlotTable(
    1,
    all.map((slot) => (slot === missing ? ABSENT : slot)),
  );
  const missed = await decodeOnDevice(gpu, plan, { token: NEXT_TOKEN, position });
  findings.push({
    what: "the log marks what is missing, and nothing else",
    difference: missed.routing.slots
      .subarray(0, 2 * ranks)
      .every((slot, i) => (slot === ABSENT) === (i === ranks))
      ? 0
      : 1,
  });
  findings.push({
    what: "a missing expert shows in the logits",
    difference: 1 - bitDifference(missed.logits, resident.logits),
  });
  writeExpert(gpu, weights, { layer: 1, expert: missing, slot: missing });
  gpu.writeSlotTable(1, all);
  const replayed = await decodeOnDevice(gpu, plan, { layer: 1 });
  findings.push({
    what: "a pass again from the layer that missed an expert",
    difference: bitDifference(replayed.logits, resident.logits),
  });

  for (const { index } of plan.layers)
    gpu.writeSlotTable(
      index,
      all.map(() => ABSENT),
    );
  const waves = await decodeByDeviceWaves(gpu, plan, { token: NEXT_TOKEN, position });
  findings.push({
    what: "a token routed by the device whose experts come in waves",
    difference: bitDifference(waves, resident.logits),
  });
  gpu.dispose();
  wasm.dispose();
  return findings;
}
