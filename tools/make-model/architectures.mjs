// @ts-check
/**
 * The architectures that random models are made of, and their shapes: keys and tensors as llama.cpp reads them
 * (`src/models/<architecture>.cpp`).
 *
 * @typedef {object} Architecture
 * @property {boolean} experts whether its layers are routed
 * @property {boolean} groupedQueries several query heads may share a key-value head
 * @property {boolean} mayTie the output matrix may be missing, the embedding in its place
 * @property {boolean} freeHeadDim `attention.key_length` may differ from hiddenSize / headCount
 * @property {"none" | "head" | "row"} qkNorm
 * @property {boolean} qkvBiases
 * @property {"expert_feed_forward_length" | "feed_forward_length"} expertWidthKey
 * @property {number} eps of RMSNorm
 * @property {Scales} [scales] Granite's multipliers; logits are divided by theirs
 * @property {boolean} sharedExperts
 *
 * @typedef {{ embedding: number, residual: number, attention: number, logits: number }} Scales
 *
 * @typedef {object} Shape
 * @property {number} layerCount
 * @property {number} hiddenSize
 * @property {number} headCount
 * @property {number} kvHeadCount
 * @property {number} headDim
 * @property {number} expertCount 0 for a dense model
 * @property {number} expertsPerToken
 * @property {number} expertHiddenSize
 * @property {number} sharedHiddenSize 0 without shared experts
 * @property {number} denseHiddenSize
 * @property {number} ropeBase
 * @property {boolean} tiedOutput the embedding matrix is the output matrix too
 */

/** @type {Omit<Architecture, "experts">} */
const COMMON = {
  groupedQueries: true,
  mayTie: true,
  freeHeadDim: false,
  qkNorm: "none",
  qkvBiases: false,
  expertWidthKey: "feed_forward_length",
  eps: 1e-5,
  sharedExperts: false,
};

/** By `general.architecture`. */
export const ARCHITECTURES = /** @satisfies {Readonly<Record<string, Architecture>>} */ ({
  olmoe: { ...COMMON, experts: true, groupedQueries: false, mayTie: false, qkNorm: "row" },
  llama: { ...COMMON, experts: true },
  granitemoe: {
    ...COMMON,
    experts: true,
    eps: 1e-6,
    sharedExperts: true,
    // None is what an engine without them would compute: 1, 1, 1 / √headDim, 1.
    scales: { embedding: 12, residual: 0.22, attention: 0.125, logits: 8 },
  },
  qwen2: { ...COMMON, experts: false, eps: 1e-6, qkvBiases: true },
  qwen3: { ...COMMON, experts: false, eps: 1e-6, freeHeadDim: true, qkNorm: "head" },
  qwen3moe: {
    ...COMMON,
    experts: true,
    eps: 1e-6,
    freeHeadDim: true,
    qkNorm: "head",
    expertWidthKey: "expert_feed_forward_length",
  },
});

/**
 * `a` is a small member of the family; `b` has no power of two where none is needed, so that padding, remainder
 * loops and partial workgroups are used; every row of `k` and of `w` is a multiple of 256, as K-quants need, and `w`
 * has no power of two where none is needed. Other rows are multiples of 32.
 *
 * `x64`, `x8` and `x128` are for benchmarks (made with `pooled`): the layers of OLMoE-1B-7B, four of its sixteen;
 * Mixtral's proportions at less than a third of its width; Qwen3-30B-A3B's many experts at half its width.
 * @type {Readonly<Record<string, Shape>>}
 */
export const SHAPES = {
  a: {
    layerCount: 4,
    hiddenSize: 256,
    headCount: 8,
    kvHeadCount: 4,
    headDim: 64,
    expertCount: 16,
    expertsPerToken: 4,
    expertHiddenSize: 128,
    sharedHiddenSize: 128,
    denseHiddenSize: 512,
    ropeBase: 1_000_000,
    tiedOutput: false,
  },
  b: {
    layerCount: 3,
    hiddenSize: 192,
    headCount: 8,
    kvHeadCount: 2,
    headDim: 40,
    expertCount: 12,
    expertsPerToken: 3,
    expertHiddenSize: 96,
    sharedHiddenSize: 160,
    denseHiddenSize: 352,
    ropeBase: 10_000,
    tiedOutput: true,
  },
  k: {
    layerCount: 4,
    hiddenSize: 256,
    headCount: 8,
    kvHeadCount: 4,
    headDim: 64,
    expertCount: 8,
    expertsPerToken: 2,
    expertHiddenSize: 256,
    sharedHiddenSize: 256,
    denseHiddenSize: 768,
    ropeBase: 500_000,
    tiedOutput: false,
  },
  w: {
    layerCount: 2,
    hiddenSize: 768,
    headCount: 12,
    kvHeadCount: 3,
    headDim: 64,
    expertCount: 6,
    expertsPerToken: 3,
    expertHiddenSize: 256,
    sharedHiddenSize: 256,
    denseHiddenSize: 1280,
    ropeBase: 10_000,
    tiedOutput: true,
  },
  x64: {
    layerCount: 4,
    hiddenSize: 2048,
    headCount: 16,
    kvHeadCount: 16,
    headDim: 128,
    expertCount: 64,
    expertsPerToken: 8,
    expertHiddenSize: 1024,
    sharedHiddenSize: 0,
    denseHiddenSize: 8192,
    ropeBase: 10_000,
    tiedOutput: false,
  },
  x8: {
    layerCount: 2,
    hiddenSize: 1280,
    headCount: 10,
    kvHeadCount: 2,
    headDim: 128,
    expertCount: 8,
    expertsPerToken: 2,
    expertHiddenSize: 4608,
    sharedHiddenSize: 0,
    denseHiddenSize: 4608,
    ropeBase: 1_000_000,
    tiedOutput: false,
  },
  x128: {
    layerCount: 2,
    hiddenSize: 1024,
    headCount: 16,
    kvHeadCount: 4,
    headDim: 128,
    expertCount: 128,
    expertsPerToken: 8,
    expertHiddenSize: 768,
    sharedHiddenSize: 0,
    denseHiddenSize: 3072,
    ropeBase: 1_000_000,
    tiedOutput: false,
  },
};

/**
 * A shape as the architecture can have it: without experts where `dense` or the architecture says so, heads of
 * hiddenSize / headCount where it knows no others, and so on.
 * @param {string} name of the shape @param {Architecture} architecture @param {boolean} dense
 * @returns {Shape}
 */
export function shapeFor(name, architecture, dense) {
  const shape = SHAPES[name];
  if (!shape) throw new Error(`No shape is named ${name}; there are ${Object.keys(SHAPES).join(", ")}.`);
  const routed = architecture.experts && !dense;
  return {
    ...shape,
    kvHeadCount: architecture.groupedQueries ? shape.kvHeadCount : shape.headCount,
    tiedOutput: architecture.mayTie && shape.tiedOutput,
    headDim: architecture.freeHeadDim ? shape.headDim : shape.hiddenSize / shape.headCount,
    expertCount: routed ? shape.expertCount : 0,
    sharedHiddenSize: routed && architecture.sharedExperts ? shape.sharedHiddenSize : 0,
  };
}
