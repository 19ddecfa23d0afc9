import { WebMoEError } from "../api/errors.ts";
import type { PredictionTables, Predictor } from "./core.ts";
import type { CoreExports, CoreMemory } from "./core-memory.ts";

/** Positions are the codes that asm/core/dispatch/prediction.ts knows. */
export const PREDICTORS: readonly Predictor[] = ["usual", "recent", "token", "layer", "mixed"];

/** Bounds are checked here: core.wasm itself trusts its arguments. */
export function predictionTables(wasm: CoreExports, memory: CoreMemory): PredictionTables {
  let [layers, experts, k] = [0, 0, 0];
  const checkLayer = (layer: number): void => {
    if (layer >= 0 && layer < layers) return;
    throw new WebMoEError(
      "invalid-argument",
      `Layer ${layer} is outside the ${layers} layers of prediction.`,
    );
  };
  const checkPicks = (ids: Uint32Array, rows: number): void => {
    if (ids.length === rows * k && ids.every((id) => id < experts)) return;
    throw new WebMoEError(
      "invalid-argument",
      `${ids.length} picks are not [${rows}, ${k}] of ${experts} experts.`,
    );
  };
  return {
    reset({ layerCount, expertCount, expertsPerToken, vocabSize }) {
      layers = 0;
      if (!wasm.predictionReset(layerCount, expertCount, expertsPerToken, vocabSize))
        throw new WebMoEError("out-of-memory", "No memory for prediction tables: close other tabs.");
      [layers, experts, k] = [layerCount, expertCount, expertsPerToken];
    },
    learn(layer, tokens, ids, before) {
      checkLayer(layer);
      checkPicks(ids, tokens.length);
      if (before) checkPicks(before, tokens.length);
      const [tokensAt, idsAt, beforeAt] = memory.stage(
        tokens.byteLength,
        ids.byteLength,
        before?.byteLength ?? 0,
      ) as [number, number, number];
      memory.write(tokensAt, tokens);
      memory.write(idsAt, ids);
      if (before) memory.write(beforeAt, before);
      wasm.predictionLearn(layer, tokensAt, idsAt, before ? beforeAt : 0, tokens.length, k);
    },
    rate(predictor, layer, token, before) {
      checkLayer(layer);
      if (before) checkPicks(before.ids, 1);
      const [idsAt, weightsAt] = memory.stage(k * 4, k * 4) as [number, number];
      if (before) {
        memory.write(idsAt, before.ids);
        memory.write(weightsAt, before.weights);
      }
      const kind = PREDICTORS.indexOf(predictor);
      const rated = wasm.predictionRate(kind, layer, token, before ? idsAt : 0, weightsAt, k) >>> 0;
      return memory.f64(rated, experts);
    },
  };
}
