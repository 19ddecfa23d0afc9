/** The cache beyond its first page, and positions where f32 angles would fail. */
import { findOp, valueId } from "../../src/backend/testing/plans.ts";
import { createRandom, randomFloats } from "../../src/backend/testing/tensors.ts";
import type { DeviceConstraints } from "../../src/backend/webgpu/index.ts";
import { type Finding, makeTwins, relativeDifference } from "./harness.ts";

const CHUNK = 100;
const CHUNKS = 4;

/** Fills the cache chunk by chunk on both backends, and attends to all of it. */
export async function checkContext(constraints: DeviceConstraints): Promise<Finding[]> {
  const twins = await makeTwins({ layerCount: 1, contextLength: 100_100 }, constraints);
  const { plan, gpu, wasm } = twins;
  const cacheOp = findOp(plan, "rope-cache", 0);
  const attention = findOp(plan, "attention", 0);
  const { headCount, kvHeadCount, headDim } = plan.hyperparameters;
  const random = createRandom(2);
  const width = (headCount + 2 * kvHeadCount) * headDim;
  const findings: Finding[] = [];
  const onBoth = async (phase: "prefill" | "decode", position: number, rows: number) => {
    const qkv = randomFloats(random, rows * width);
    return Promise.all(
      [gpu, wasm].map(async (backend) => {
        await backend.beginPass({ phase, position, tokens: new Uint32Array(rows) });
        backend.writeValue(valueId(plan, "layer0.qkv"), qkv);
        backend.run(cacheOp);
        const q = await backend.submit({ value: cacheOp.out });
        backend.run(attention);
        return { q: q.value!, attended: (await backend.submit({ value: attention.out })).value! };
      }),
    );
  };
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const [a, b] = await onBoth("prefill", chunk * CHUNK, CHUNK);
    findings.push({
      what: `chunk ${chunk} attends`,
      difference: relativeDifference(a!.attended, b!.attended),
    });
  }
  const [a, b] = await onBoth("decode", CHUNKS * CHUNK, 1);
  findings.push({
    what: "a token attends to two pages",
    difference: relativeDifference(a!.attended, b!.attended),
  });
  twins.dispose();
  return findings;
}
