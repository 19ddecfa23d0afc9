/** The texts of `shaders/`: kernels, and the modules that compositions put before them. */
import attention from "../../../shaders/attention.wgsl?raw";
import attentionBatch from "../../../shaders/attention-batch.wgsl?raw";
import attentionMerge from "../../../shaders/attention-merge.wgsl?raw";
import combine from "../../../shaders/combine.wgsl?raw";
import combineNorm from "../../../shaders/combine-norm.wgsl?raw";
import embed from "../../../shaders/embed.wgsl?raw";
import expertsGateUp from "../../../shaders/experts-gate-up.wgsl?raw";
import expertsLinear from "../../../shaders/experts-linear.wgsl?raw";
import gatedActivation from "../../../shaders/gated-activation.wgsl?raw";
import batch from "../../../shaders/lib/batch.wgsl?raw";
import biasAdd from "../../../shaders/lib/bias-add.wgsl?raw";
import biasNone from "../../../shaders/lib/bias-none.wgsl?raw";
import candidates from "../../../shaders/lib/candidates.wgsl?raw";
import combined from "../../../shaders/lib/combined.wgsl?raw";
import fifthBits from "../../../shaders/lib/fifth-bits.wgsl?raw";
import gateNone from "../../../shaders/lib/gate-none.wgsl?raw";
import gateProduct from "../../../shaders/lib/gate-product.wgsl?raw";
import halfInteger from "../../../shaders/lib/half-integer.wgsl?raw";
import halfNative from "../../../shaders/lib/half-native.wgsl?raw";
import headNorm from "../../../shaders/lib/head-norm.wgsl?raw";
import headNormNone from "../../../shaders/lib/head-norm-none.wgsl?raw";
import heads from "../../../shaders/lib/heads.wgsl?raw";
import inputNormed from "../../../shaders/lib/input-normed.wgsl?raw";
import inputPlain from "../../../shaders/lib/input-plain.wgsl?raw";
import int8 from "../../../shaders/lib/int8.wgsl?raw";
import int8Matrix from "../../../shaders/lib/int8-matrix.wgsl?raw";
import int8Vector from "../../../shaders/lib/int8-vector.wgsl?raw";
import levelsIq4 from "../../../shaders/lib/levels-iq4.wgsl?raw";
import matrix from "../../../shaders/lib/matrix.wgsl?raw";
import normedDropped from "../../../shaders/lib/normed-dropped.wgsl?raw";
import normedKept from "../../../shaders/lib/normed-kept.wgsl?raw";
import pieces1 from "../../../shaders/lib/pieces-1.wgsl?raw";
import pieces2 from "../../../shaders/lib/pieces-2.wgsl?raw";
import pieces3 from "../../../shaders/lib/pieces-3.wgsl?raw";
import pieces4 from "../../../shaders/lib/pieces-4.wgsl?raw";
import productMatrix from "../../../shaders/lib/product-matrix.wgsl?raw";
import productVector from "../../../shaders/lib/product-vector.wgsl?raw";
import reduceSubgroups from "../../../shaders/lib/reduce-subgroups.wgsl?raw";
import reduceTree from "../../../shaders/lib/reduce-tree.wgsl?raw";
import residualAdd from "../../../shaders/lib/residual-add.wgsl?raw";
import residualNone from "../../../shaders/lib/residual-none.wgsl?raw";
import rowNorm from "../../../shaders/lib/row-norm.wgsl?raw";
import rowsBatch from "../../../shaders/lib/rows-batch.wgsl?raw";
import sampling from "../../../shaders/lib/sampling.wgsl?raw";
import scaleAndMinimum from "../../../shaders/lib/scale-and-minimum.wgsl?raw";
import sharedAdd from "../../../shaders/lib/shared-add.wgsl?raw";
import sharedNone from "../../../shaders/lib/shared-none.wgsl?raw";
import silu from "../../../shaders/lib/silu.wgsl?raw";
import sourceEach from "../../../shaders/lib/source-each.wgsl?raw";
import sourceLast from "../../../shaders/lib/source-last.wgsl?raw";
import vectorsConsecutive from "../../../shaders/lib/vectors-consecutive.wgsl?raw";
import vectorsOfNibbles from "../../../shaders/lib/vectors-of-nibbles.wgsl?raw";
import vectorsOfPairs from "../../../shaders/lib/vectors-of-pairs.wgsl?raw";
import workItems from "../../../shaders/lib/work-items.wgsl?raw";
import workSelection from "../../../shaders/lib/work-selection.wgsl?raw";
import linear from "../../../shaders/linear.wgsl?raw";
import probeHalf from "../../../shaders/probe-half.wgsl?raw";
import probeInt8 from "../../../shaders/probe-int8.wgsl?raw";
import probeSubgroups from "../../../shaders/probe-subgroups.wgsl?raw";
import rmsNorm from "../../../shaders/rms-norm.wgsl?raw";
import ropeCache from "../../../shaders/rope-cache.wgsl?raw";
import route from "../../../shaders/route.wgsl?raw";
import sampleDraw from "../../../shaders/sample-draw.wgsl?raw";
import samplePenalize from "../../../shaders/sample-penalize.wgsl?raw";
import sampleTopK from "../../../shaders/sample-top-k.wgsl?raw";

/** Entry points, one a file. */
export const KERNEL_SOURCES = {
  attention,
  "attention-batch": attentionBatch,
  "attention-merge": attentionMerge,
  combine,
  "combine-norm": combineNorm,
  embed,
  "experts-gate-up": expertsGateUp,
  "experts-linear": expertsLinear,
  "gated-activation": gatedActivation,
  linear,
  "probe-half": probeHalf,
  "probe-int8": probeInt8,
  "probe-subgroups": probeSubgroups,
  "rms-norm": rmsNorm,
  "rope-cache": ropeCache,
  route,
  "sample-draw": sampleDraw,
  "sample-penalize": samplePenalize,
  "sample-top-k": sampleTopK,
} as const;

/** What kernels share; modules of one stem (`reduce-…`) are interchangeable. */
export const MODULE_SOURCES = {
  batch,
  "bias-add": biasAdd,
  "bias-none": biasNone,
  candidates,
  combined,
  "fifth-bits": fifthBits,
  "gate-none": gateNone,
  "gate-product": gateProduct,
  "half-integer": halfInteger,
  "half-native": halfNative,
  "head-norm-none": headNormNone,
  "head-norm": headNorm,
  heads,
  "input-normed": inputNormed,
  "input-plain": inputPlain,
  int8,
  "int8-matrix": int8Matrix,
  "int8-vector": int8Vector,
  "levels-iq4": levelsIq4,
  matrix,
  "normed-dropped": normedDropped,
  "normed-kept": normedKept,
  "pieces-1": pieces1,
  "pieces-2": pieces2,
  "pieces-3": pieces3,
  "pieces-4": pieces4,
  "product-matrix": productMatrix,
  "product-vector": productVector,
  "reduce-subgroups": reduceSubgroups,
  "reduce-tree": reduceTree,
  "residual-add": residualAdd,
  "residual-none": residualNone,
  "row-norm": rowNorm,
  "rows-batch": rowsBatch,
  sampling,
  "scale-and-minimum": scaleAndMinimum,
  "shared-add": sharedAdd,
  "shared-none": sharedNone,
  silu,
  "source-each": sourceEach,
  "source-last": sourceLast,
  "vectors-consecutive": vectorsConsecutive,
  "vectors-of-nibbles": vectorsOfNibbles,
  "vectors-of-pairs": vectorsOfPairs,
  "work-items": workItems,
  "work-selection": workSelection,
} as const;
