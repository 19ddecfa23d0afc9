// @ts-check
/** What is measured of a model file. */

/**
 * @typedef {object} SpeedMeasure
 * @property {string} label
 * @property {number} promptTokens
 * @property {boolean} decodes whether the tokens after the first are what is timed; else the time to the first is
 */

/** @type {Readonly<Record<string, SpeedMeasure>>} */
export const SPEED_MEASURES = {
  prefill128: { label: "prefill, 128 tokens", promptTokens: 128, decodes: false },
  prefill512: { label: "prefill, 512 tokens", promptTokens: 512, decodes: false },
  decode16: { label: "decode at context 16", promptTokens: 16, decodes: true },
  decode1000: { label: "decode at context 1,000", promptTokens: 1000, decodes: true },
};

export const MEASURES = [...Object.keys(SPEED_MEASURES), "load", "memory"];

/** Why a file cannot be measured so; undefined if it can. @param {SpeedMeasure} measure @param {number} contextLength @param {number} tokens */
export function unmeasurable({ promptTokens, decodes }, contextLength, tokens) {
  const needed = promptTokens + (decodes ? tokens : 1);
  // llama.cpp's server refuses a prompt that fills its context.
  return needed < contextLength ? undefined : `the model was made for ${contextLength} positions`;
}

/** Tokens/s of a finished generation. @param {SpeedMeasure} measure @param {{ firstMs: number, decodeTokensPerSecond?: number }} run */
export const speedOf = ({ promptTokens, decodes }, { firstMs, decodeTokensPerSecond }) =>
  decodes ? decodeTokensPerSecond : (promptTokens * 1000) / firstMs;
