import { WebMoEError } from "../../api/errors.ts";
import { EXPERT_MATRICES, type ForwardPlan, type Op, type TensorSpec } from "../../model/plan.ts";
import { QUANT_TYPES } from "../../model/quantization.ts";

/** What the kernels heed of each op. A plan that asks for more must be refused, since leaving it out is another model. */
const HEEDED: Readonly<Record<string, readonly string[]>> = {
  embed: ["weight", "scale", "out"],
  "rms-norm": ["x", "weight", "eps", "rows", "out"],
  linear: ["x", "weights", "biases", "scale", "residual", "out"],
  "rope-cache": ["layer", "qkv", "qNorm", "kNorm", "normSpan", "eps", "rope", "out"],
  attention: ["layer", "q", "scale", "out"],
  "gated-activation": ["x", "activation", "out"],
  route: ["layer", "logits", "spec"],
  experts: ["layer", "x", "activation"],
  combine: ["layer", "residual", "shared", "scale", "out"],
  rope: ["pairing", "dimension", "freqBase", "freqScale", "factors"],
};

/** Kernels read activations four lanes at a time. */
const LANES = 4;

/**
 * Refuses a plan whose shapes the kernels would read or write out of bounds: they check nothing themselves.
 * Errors: `unsupported-architecture` with the name of what does not fit.
 */
export function checkPlan(plan: ForwardPlan): void {
  const { headCount, kvHeadCount, headDim, hiddenSize } = plan.hyperparameters;
  const tensors = new Map(plan.trunk.map((spec) => [spec.name, spec]));
  const require = (condition: boolean, what: string): void => {
    if (!condition) {
      throw new WebMoEError("unsupported-architecture", `The CPU backend cannot run this model: ${what}.`);
    }
  };
  const tensor = (name: string): TensorSpec => {
    const spec = tensors.get(name);
    require(spec !== undefined, `its plan uses the tensor ${name} and does not declare it`);
    return spec!;
  };
  const width = (id: number): number => plan.values[id]?.width ?? 0;
  const same = (actual: number, expected: number, what: string): void =>
    require(actual === expected, `${what} is ${actual}, where ${expected} was expected`);

  const checkMatrix = ({ name, cols, type }: TensorSpec): void => {
    const { blockSize } = QUANT_TYPES[type];
    require(cols % blockSize === 0, `${name} has ${cols} columns, which is no multiple of ${blockSize}`);
  };
  const checkLanes = (length: number, what: string): void =>
    require(length % LANES === 0, `${what} is ${length} wide, which is no multiple of ${LANES}`);
  const checkVector = (name: string, length: number): void => {
    const { rows, cols, type } = tensor(name);
    require(rows === 1 && type === "f32", `${name} is no f32 vector`);
    same(cols, length, `the length of ${name}`);
  };

  const checkFields = (kind: string, fields: object): void => {
    const heeded = HEEDED[kind];
    require(heeded !== undefined, `it has no kernel for the op ${kind}`);
    for (const [field, asked] of Object.entries(fields)) {
      const known = field === "kind" || heeded!.includes(field);
      require(known || asked === undefined, `its kernel for ${kind} does no ${field}`);
    }
  };

  const checkOp = (op: Op): void => {
    checkFields(op.kind, op);
    if (op.kind === "rope-cache") checkFields("rope", op.rope);
    switch (op.kind) {
      case "embed":
        same(tensor(op.weight).cols, width(op.out), `the width of ${op.weight}`);
        checkLanes(width(op.out), op.weight);
        break;
      case "rms-norm":
        checkVector(op.weight, width(op.x));
        checkLanes(width(op.x), op.weight);
        same(width(op.out), width(op.x), `the output width of ${op.weight}`);
        break;
      case "linear":
        for (const name of op.weights) same(tensor(name).cols, width(op.x), `the input width of ${name}`);
        checkLanes(width(op.x), `the input of ${op.weights.join(" and ")}`);
        same(
          op.weights.reduce((sum, name) => sum + tensor(name).rows, 0),
          width(op.out),
          `the output width of ${op.weights.join(" and ")}`,
        );
        if (op.biases) {
          same(
            op.biases.length,
            op.weights.length,
            `the number of biases beside ${op.weights.join(" and ")}`,
          );
          op.biases.forEach((name, i) => {
            checkVector(name, tensor(op.weights[i]!).rows);
          });
        }
        if (op.residual !== undefined) {
          same(op.weights.length, 1, `the number of weights beside a residual`);
          same(width(op.residual), width(op.out), `the residual width of ${op.weights[0]}`);
        }
        break;
      case "rope-cache":
        same(width(op.qkv), (headCount + 2 * kvHeadCount) * headDim, `the qkv width of layer ${op.layer}`);
        same(width(op.out), headCount * headDim, `the q width of layer ${op.layer}`);
        for (const [name, heads] of [
          [op.qNorm, headCount],
          [op.kNorm, kvHeadCount],
        ] as const) {
          if (name !== undefined) checkVector(name, op.normSpan === "row" ? heads * headDim : headDim);
        }
        if (op.rope.factors !== undefined) checkVector(op.rope.factors, op.rope.dimension / 2);
        require(op.rope.dimension % 2 === 0 &&
          op.rope.dimension <=
            headDim, `its rope turns ${op.rope.dimension} of ${headDim} elements of a head`);
        break;
      case "attention":
        same(width(op.q), headCount * headDim, `the q width of layer ${op.layer}`);
        same(width(op.out), headCount * headDim, `the attention width of layer ${op.layer}`);
        break;
      case "gated-activation":
        same(width(op.x), 2 * width(op.out), `the input width of a gated activation`);
        checkLanes(width(op.out), `a gated activation`);
        break;
      case "experts":
        require(plan.layers[op.layer]?.moe !== undefined, `layer ${op.layer} runs experts and has none`);
        same(width(op.x), hiddenSize, `the input width of the experts of layer ${op.layer}`);
        break;
      case "combine":
        same(width(op.residual), hiddenSize, `the residual width of layer ${op.layer}`);
        same(width(op.out), hiddenSize, `the output width of layer ${op.layer}`);
        if (op.shared !== undefined) {
          same(width(op.shared), hiddenSize, `the width of the shared experts of layer ${op.layer}`);
        }
        break;
      case "route":
        break;
    }
  };

  require(headDim % LANES === 0, `its heads have ${headDim} elements, which is no multiple of ${LANES}`);
  require(headCount % kvHeadCount === 0, `${headCount} heads do not share ${kvHeadCount} kv heads evenly`);
  plan.trunk.forEach(checkMatrix);
  plan.layers.forEach(({ index, moe, ops }, position) => {
    same(index, position, "the index of a layer");
    for (const op of ops) if ("layer" in op) same(op.layer, index, `the layer of an op in layer ${index}`);
    if (!moe) return;
    const { gate, up, down } = moe.matrices;
    for (const matrix of EXPERT_MATRICES) checkMatrix(moe.matrices[matrix]);
    for (const { name, rows, cols } of [gate, up]) {
      same(rows, moe.expertHiddenSize, `the rows of ${name}`);
      same(cols, hiddenSize, `the columns of ${name}`);
    }
    same(down.rows, hiddenSize, `the rows of ${down.name}`);
    same(down.cols, moe.expertHiddenSize, `the columns of ${down.name}`);
    checkLanes(gate.cols, gate.name);
    checkLanes(down.cols, down.name);
  });
  for (const op of [...plan.prologue, ...plan.layers.flatMap((layer) => layer.ops), ...plan.epilogue])
    checkOp(op);
}
