/**
 * What a top-k router computes, as data: one interpreter in WebAssembly, one twin in WGSL, nothing guessed from
 * a model's name. Order: score the logits; add the selection bias; keep the best groups; pick the top k of the
 * selection score (ties to the lowest id), highest first; weigh by the unbiased score.
 */
export interface RouterSpec {
  readonly expertCount: number;
  readonly expertsPerToken: number;
  readonly score: "none" | "softmax" | "sigmoid";
  /** f32 tensor `[expertCount]` added to the scores for selection only (DeepSeek-V3, loss-free balancing). */
  readonly selectionBias?: string;
  /** Experts in `count` equal runs; only the `kept` best runs may be picked from. */
  readonly groups?: { readonly count: number; readonly kept: number; readonly score: "max" | "top2-sum" };
  /** `raw` scores, scores divided by their sum over the selected, or a softmax over the selected scores. */
  readonly weights: "raw" | "renormalized" | "softmax";
  /** Multiplies the weights. */
  readonly scale: number;
}
