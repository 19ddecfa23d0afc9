import { WebMoEError } from "../api/errors.ts";
import type { GenerateOptions } from "../api/options.ts";
import type { SampleParams } from "../backend/backend.ts";
import { uniform } from "./random.ts";

/** Tokens that a repeat penalty looks back on (llama.cpp's default). */
const PENALTY_WINDOW = 64;

/** Options with every default filled in (llama.cpp's, so that a model behaves as its users know it). */
export interface GenerationSettings {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repeatPenalty: number;
  readonly seed: number;
  readonly stop: readonly string[];
  readonly ignoreEos: boolean;
}

function inRange(name: string, value: number, min: number, max: number, whole = false): number {
  if (typeof value !== "number" || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
    throw new WebMoEError(
      "invalid-argument",
      `${name} is ${value}; it must be a ${whole ? "whole " : ""}number from ${min} to ${max}.`,
    );
  return value;
}

/** Errors: `invalid-argument`, naming the option. */
export function generationSettings(options: GenerateOptions): GenerationSettings {
  if (options.resume?.length && options.seed === undefined && options.temperature !== 0)
    throw new WebMoEError(
      "invalid-argument",
      "resume needs the seed that the answer was written with: another one goes on with other tokens.",
    );
  const stop = typeof options.stop === "string" ? [options.stop] : (options.stop ?? []);
  if (!Array.isArray(stop) || stop.some((text) => typeof text !== "string" || text === ""))
    throw new WebMoEError(
      "invalid-argument",
      "stop must be a string or an array of strings, none of them empty.",
    );
  const randomSeed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  return {
    maxTokens: inRange(
      "maxTokens",
      options.maxTokens ?? Number.MAX_SAFE_INTEGER,
      1,
      Number.MAX_SAFE_INTEGER,
      true,
    ),
    temperature: inRange("temperature", options.temperature ?? 0.8, 0, 100),
    topK: inRange("topK", options.topK ?? 40, 0, 2 ** 31 - 1, true),
    topP: inRange("topP", options.topP ?? 0.95, 0, 1),
    minP: inRange("minP", options.minP ?? 0.05, 0, 1),
    repeatPenalty: inRange("repeatPenalty", options.repeatPenalty ?? 1, 0.01, 100),
    seed: inRange("seed", options.seed ?? randomSeed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true),
    stop,
    ignoreEos: options.ignoreEos ?? false,
  };
}

/** Whether how a token is drawn depends on those before it. */
export const penalizes = ({ repeatPenalty }: GenerationSettings): boolean => repeatPenalty !== 1;

/** How the token at `index` of the sequence is drawn; `history`, all tokens before it, matters only to a penalty. */
export function sampleParams(
  settings: GenerationSettings,
  index: number,
  history: readonly number[],
): SampleParams {
  const { temperature, topK, topP, minP, repeatPenalty, seed } = settings;
  const penalized = penalizes(settings) ? new Set(history.slice(-PENALTY_WINDOW)) : [];
  return {
    temperature,
    topK,
    topP,
    minP,
    repeatPenalty,
    penalized: Uint32Array.from(penalized),
    random: uniform(seed, index),
  };
}
