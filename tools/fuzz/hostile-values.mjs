// @ts-check
/**
 * Values that a file may hold and no good one does: at the limits of their types, or of what is read with them.
 *
 * @typedef {import("./random.mjs").Random} Random
 */
import { encodeArray, encodeScalar, VALUE_TYPES } from "./document.mjs";

/** @type {readonly number[]} */
export const HOSTILE_NUMBERS = [
  0,
  -0,
  1,
  2,
  3,
  7,
  8,
  9,
  31,
  33,
  255,
  256,
  511,
  513,
  1023,
  1025,
  65535,
  65536,
  2 ** 20,
  2 ** 24,
  2 ** 24 + 1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 53,
  2 ** 63,
  -1,
  -2,
  -(2 ** 31),
  0.5,
  1.5,
  1e-45,
  1e-30,
  1e30,
  3e38,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];
export const HOSTILE_COUNTS = [
  0n,
  1n,
  2n,
  3n,
  5n,
  16n,
  31n,
  33n,
  255n,
  65536n,
  2n ** 24n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 32n + 1n,
  2n ** 40n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 60n,
  2n ** 61n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 32n,
  2n ** 64n - 1n,
];
export const HOSTILE_TEXTS = [
  "",
  " ",
  "\0",
  "constructor",
  "__proto__",
  "a".repeat(300),
  "\ufeff",
  "Ġ",
  "💥",
  "x".repeat(70_000),
];
const SCALARS = /** @type {const} */ ([
  "u8",
  "i8",
  "u16",
  "i16",
  "u32",
  "i32",
  "f32",
  "bool",
  "u64",
  "i64",
  "f64",
  "string",
]);
export const NUMBERS = /** @type {const} */ ([
  "u8",
  "i8",
  "u16",
  "i16",
  "u32",
  "i32",
  "f32",
  "u64",
  "i64",
  "f64",
]);
export const ARCHITECTURES = [
  "llama",
  "qwen2",
  "qwen3",
  "qwen3moe",
  "olmoe",
  "granitemoe",
  "qwen2moe",
  "gpt-oss",
  "toString",
  "",
];
/** What the tables of architectures and tokenizers read beside what our models have. */
export const OTHER_KEYS = [
  "general.alignment",
  "split.count",
  "split.no",
  "tokenizer.ggml.eot_token_id",
  "tokenizer.ggml.eom_token_id",
  "tokenizer.ggml.scores",
  "tokenizer.ggml.add_space_prefix",
  "tokenizer.ggml.unknown_token_id",
];
/** The same, behind the architecture's name. */
export const OTHER_HYPERPARAMETERS = [
  "rope.scaling.type",
  "rope.scaling.factor",
  "rope.freq_scale",
  "expert_weights_scale",
  "expert_weights_norm",
  "expert_gating_func",
  "expert_count",
  "expert_used_count",
  "expert_shared_feed_forward_length",
  "embedding_scale",
  "residual_scale",
  "attention.scale",
  "attention.key_length",
  "logit_scale",
  "attention.sliding_window",
  "leading_dense_block_count",
];

/** A value as a report shows it. @param {string | number} value */
export const short = (value) =>
  typeof value === "string" ? JSON.stringify(value.slice(0, 20)) : String(value);

/** A value of any plain type. @param {Random} random @returns {{ type: number, value: Uint8Array, said: string }} */
export function hostileScalar(random) {
  const type = random.of(SCALARS);
  const value = type === "string" ? random.of(HOSTILE_TEXTS) : random.of(HOSTILE_NUMBERS);
  return { type: VALUE_TYPES[type], value: encodeScalar(type, value), said: `${type} ${short(value)}` };
}

/** Up to 400 of them. @param {Random} random */
export function hostileArray(random) {
  const type = random.of(SCALARS);
  const values = Array.from({ length: random.below(400) }, () =>
    type === "string" ? random.of(HOSTILE_TEXTS.slice(0, 5)) : random.of(HOSTILE_NUMBERS),
  );
  return { type: VALUE_TYPES.array, value: encodeArray(type, values), said: `${values.length} × ${type}` };
}
