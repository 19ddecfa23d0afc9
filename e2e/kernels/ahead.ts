/** Generation with the next pass submitted ahead, on a real device: the tokens of a pass a layer, and when what is sent. */
import { randomWeights, tinyPlan } from "../../src/backend/testing/plans.ts";
import type { DeviceConstraints } from "../../src/backend/webgpu/index.ts";
import { createExecutor } from "../../src/engine/executor.ts";
import { generate } from "../../src/engine/generate.ts";
import { generationSettings } from "../../src/engine/sampling.ts";
import { fixedSegments } from "../../src/engine/segments.ts";
import type { Tokenizer } from "../../src/model/tokenizer/tokenizer.ts";
import type { Residency } from "../../src/residency/residency.ts";
import { coreInstance, type Finding, fill, gpuBackend } from "./harness.ts";

/** So that the cache grows while a pass is in flight. */
const PROMPT = Uint32Array.from({ length: 250 }, (_, i) => (i * 29 + 3) % 101);
const TOKENS = 12;

/** Writes down, in order, what was submitted and what was read back. */
function watchOrder(device: GPUDevice, order: string[]): void {
  const { createBuffer } = device;
  const { submit } = device.queue;
  device.queue.submit = (buffers) => {
    order.push("submitted");
    return submit.call(device.queue, buffers);
  };
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    const { mapAsync } = buffer;
    buffer.mapAsync = async (...range) => {
      await mapAsync.apply(buffer, range);
      order.push("read");
      return undefined;
    };
    return buffer;
  };
}

/** How many passes were submitted and read, were in flight at once, and were read while another was in flight. */
function inFlight(order: readonly string[]) {
  let [submitted, read, overlapped, most] = [0, 0, 0, 0];
  for (const event of order) {
    if (event === "submitted") submitted++;
    else {
      read++;
      if (submitted > read) overlapped++;
    }
    most = Math.max(most, submitted - read);
  }
  return { submitted, read, overlapped, most };
}

/** Tokens are what is compared: their texts are nobody's business. */
const SILENT = {
  endIds: new Set<number>(),
  decoder: () => ({ push: () => "", end: () => "" }),
} as unknown as Tokenizer;

export async function checkAhead(constraints: DeviceConstraints): Promise<Finding[]> {
  const plan = tinyPlan({ vocabSize: 512 });
  const { layerCount, expertCount, contextLength } = plan.hyperparameters;
  const order: string[] = [];
  const backend = await gpuBackend(plan, constraints, { onDevice: (device) => watchOrder(device, order) });
  await fill(backend, plan, randomWeights(plan, 9));
  // Expert e is in slot e of every layer, and stays there.
  const residency = {
    counters: { residentExperts: layerCount * expertCount },
    slotsOf: () => expertCount,
    share: async () => undefined,
    account: () => undefined,
    async *waves(_layer, dispatch) {
      yield { ...dispatch, slots: dispatch.experts };
    },
  } as Pick<Residency, "share" | "account" | "waves"> as Residency;
  const core = await coreInstance();

  /** Tokens of an answer, and what the device saw between the prompt's and the last. */
  async function answer(segmentLayers: number, temperature: number) {
    const segments = fixedSegments(layerCount, segmentLayers);
    const executor = createExecutor({ plan, backend, core, residency, segments, listeners: [] });
    const ids: number[] = [];
    const generation = generate({
      prompt: PROMPT,
      resume: new Uint32Array(0),
      settings: generationSettings({ temperature, seed: 3, maxTokens: TOKENS }),
      contextLength,
      executor,
      tokenizer: SILENT,
      speed: { prefillTokensPerSecond: 0, decodeTokensPerSecond: 0 },
    });
    for await (const { id } of generation) {
      if (ids.push(id) === 1) order.length = 0;
    }
    return { ids, order: order.splice(0) };
  }

  const findings: Finding[] = [];
  const expectSame = (what: string, found: unknown, expected: unknown): void => {
    const difference = JSON.stringify(found) === JSON.stringify(expected) ? 0 : 1;
    findings.push({ what: `${what}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`, difference });
  };
  const [greedy, sampled] = [await answer(layerCount, 0), await answer(layerCount, 0.8)];
  const [greedyByLayers, sampledByLayers] = [await answer(1, 0), await answer(1, 0.8)];
  expectSame("greedy tokens", greedy.ids, greedyByLayers.ids);
  expectSame("sampled tokens", sampled.ids, sampledByLayers.ids);
  findings.push({
    what: `${new Set(sampled.ids).size} different tokens among ${TOKENS}`,
    difference: new Set(sampled.ids).size > TOKENS / 2 ? 0 : 1,
  });
  const { submitted, read, overlapped, most } = inFlight(sampled.order);
  // The prompt gives the first token.
  expectSame("submissions and readbacks", [submitted, read], [TOKENS - 1, TOKENS - 1]);
  expectSame("most passes in flight", most, 2);
  // The last has none behind it; a browser that is slow to tell of one tells of two at once.
  findings.push({
    what: `${overlapped} of ${read} readbacks overlapped: ${sampled.order.join(" ")}`,
    difference: overlapped > TOKENS / 2 ? 0 : 1,
  });
  backend.dispose();
  return findings;
}
