/** Router and sampler on the device against core.wasm, over their whole option space. */
import { ABSENT, type SampleParams } from "../../src/backend/backend.ts";
import { tinyPlan } from "../../src/backend/testing/plans.ts";
import { createRandom, randomFloats } from "../../src/backend/testing/tensors.ts";
import type { DeviceConstraints } from "../../src/backend/webgpu/index.ts";
import type { ForwardPlan } from "../../src/model/plan.ts";
import type { RouterSpec } from "../../src/model/router-spec.ts";
import { coreInstance, type Finding, gpuBackend, relativeDifference } from "./harness.ts";

/** A plan of layers that only route, one for each spec. */
function routerPlan(specs: readonly RouterSpec[]): ForwardPlan {
  const { layers, values, ...plan } = tinyPlan({ vocabSize: 67 });
  const { moe, input, output } = layers[0]!;
  const logits = specs.map((spec, layer) => ({
    name: `logits ${layer}`,
    width: spec.expertCount,
    rows: "batch" as const,
    kind: "scratch" as const,
  }));
  return {
    ...plan,
    hyperparameters: {
      ...plan.hyperparameters,
      expertsPerToken: Math.max(...specs.map((s) => s.expertsPerToken)),
    },
    values: [...values, ...logits],
    prologue: [],
    epilogue: [],
    layers: specs.map((spec, index) => ({
      index,
      input,
      output,
      moe: { ...moe!, router: spec },
      ops: [{ kind: "route", layer: index, logits: values.length + index, spec }],
    })),
  };
}

function routerSpecs(): RouterSpec[] {
  const specs: RouterSpec[] = [];
  for (const score of ["none", "softmax", "sigmoid"] as const)
    for (const weights of ["raw", "renormalized", "softmax"] as const)
      for (const [expertCount, expertsPerToken, scale] of [
        [512, 32, 1],
        [60, 4, 2.5],
      ] as const)
        specs.push({ expertCount, expertsPerToken, score, weights, scale });
  return specs;
}

export async function checkRouters(constraints: DeviceConstraints): Promise<Finding[]> {
  const core = await coreInstance();
  const specs = routerSpecs();
  const plan = routerPlan(specs);
  const gpu = await gpuBackend(plan, constraints);
  const random = createRandom(3);
  await gpu.beginPass({ phase: "decode", position: 0, tokens: new Uint32Array(1) });
  const logits = specs.map(({ expertCount }) => {
    const values = randomFloats(random, expertCount, 6);
    // The three highest are equal, so that the lowest id must win twice.
    for (const expert of [expertCount - 1, 7, 3]) values[expert] = 6.5;
    return values;
  });
  plan.layers.forEach(({ ops }, layer) => {
    const op = ops[0]!;
    if (op.kind === "route") gpu.writeValue(op.logits, logits[layer]!);
    gpu.run(op);
  });
  const { routing } = await gpu.submit({ routing: { from: 0, to: specs.length } });
  gpu.dispose();
  const ranks = plan.hyperparameters.expertsPerToken;
  return specs.flatMap((spec, layer): Finding[] => {
    const expected = core.route(spec, logits[layer]!, 1);
    const at = layer * ranks;
    const ids = routing!.ids.subarray(at, at + spec.expertsPerToken);
    const weights = routing!.weights.subarray(at, at + spec.expertsPerToken);
    const what = `${spec.expertsPerToken} of ${spec.expertCount}, ${spec.score}, ${spec.weights}`;
    return [
      { what: `${what}: ids`, difference: ids.every((id, i) => id === expected.ids[i]) ? 0 : 1 },
      { what: `${what}: weights`, difference: relativeDifference(weights, expected.weights) },
    ];
  });
}

function sampleGrid(random: () => number, likeliest: Uint32Array): SampleParams[] {
  const grid: SampleParams[] = [];
  for (const temperature of [0, 0.3, 1, 1.7])
    for (const topK of [1, 5, 40, 64])
      for (const topP of [1, 0.9, 0.4])
        for (const minP of [0, 0.05])
          grid.push({
            temperature,
            topK,
            topP,
            minP,
            repeatPenalty: random() < 0.5 ? 1 : 1.3,
            penalized: likeliest.filter(() => random() < 0.5),
            random: random(),
          });
  // Greedy needs no candidates.
  return [...grid, { ...grid[0]!, topK: 0 }];
}

export async function checkSampler(constraints: DeviceConstraints): Promise<Finding[]> {
  const core = await coreInstance();
  // More than one workgroup of top-k, the last of them short.
  const vocabSize = 9001;
  const { layers: _, ...rest } = tinyPlan({ vocabSize, hiddenSize: 32, trunkType: "q4_0" });
  const plan: ForwardPlan = { ...rest, prologue: [], layers: [], epilogue: [] };
  const gpu = await gpuBackend(plan, constraints);
  const random = createRandom(11);
  const logits = randomFloats(random, vocabSize, 6);
  const likeliest = Uint32Array.of(8999, 4000, 3903, 3904, 12, 13, 0);
  likeliest.forEach((id, i) => {
    logits[id] = 9 - (i >> 1);
  });
  await gpu.beginPass({ phase: "decode", position: 0, tokens: new Uint32Array(1) });
  gpu.writeValue(plan.logits, logits);
  const findings: Finding[] = [];
  for (const params of sampleGrid(random, likeliest)) {
    gpu.sample(params);
    const { token } = await gpu.submit({ token: true });
    const { penalized, ...shown } = params;
    const what = `${JSON.stringify(shown)} with ${penalized.length} tokens penalised`;
    findings.push({ what, difference: token === core.sample(logits, params) ? 0 : 1 });
  }
  for (const overflown of [Number.POSITIVE_INFINITY, Number.NaN]) {
    gpu.writeValue(plan.logits, overflown > 0 ? logits.with(77, overflown) : logits.map(() => overflown));
    for (const params of sampleGrid(random, likeliest).slice(0, 3)) {
      gpu.sample(params);
      const { token } = await gpu.submit({ token: true });
      findings.push({
        what: `a likeliest logit of ${overflown} is no token`,
        difference: token === ABSENT ? 0 : 1,
      });
    }
  }
  const refused = { ...sampleGrid(random, likeliest)[30]!, temperature: 1 };
  const refuses = !gpu.canSample({ ...refused, topK: 65 }) && !gpu.canSample({ ...refused, topK: 0 });
  findings.push({ what: "refuses what needs more candidates", difference: refuses ? 0 : 1 });
  gpu.dispose();
  return findings;
}
