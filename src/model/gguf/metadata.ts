import { WebMoEError } from "../../api/errors.ts";
import type { GgufHeader, GgufValue } from "./parse.ts";

/** Typed access to metadata: a missing or ill-typed key is `bad-gguf` and named. */
export interface Metadata {
  string(key: string): string;
  optionalString(key: string): string | undefined;
  /** A whole number in [min, max]. */
  count(key: string, min: number, max: number): number;
  optionalCount(key: string, min: number, max: number): number | undefined;
  /** A finite number > 0. */
  positive(key: string): number;
  optionalPositive(key: string): number | undefined;
  /** A positive multiplier; undefined also where the file says 0, which stands for none. */
  optionalScale(key: string): number | undefined;
  optionalBoolean(key: string): boolean | undefined;
  strings(key: string): readonly string[];
  optionalStrings(key: string): readonly string[] | undefined;
  optionalNumbers(key: string): ArrayLike<number> | undefined;
  has(key: string): boolean;
}

export function metadataOf(header: GgufHeader): Metadata {
  const { metadata } = header;
  const wrong = (key: string, wanted: string): WebMoEError => {
    const value = metadata.get(key);
    const found =
      value === undefined ? "missing" : typeof value === "object" ? "an array" : JSON.stringify(value);
    return new WebMoEError("bad-gguf", `Metadata key ${key} must be ${wanted}; it is ${found}.`);
  };
  /** The value by `accept`, undefined if the key is missing. */
  const get = <T extends GgufValue | ArrayLike<number>>(
    key: string,
    wanted: string,
    accept: (value: GgufValue) => T | undefined,
  ): T | undefined => {
    const value = metadata.get(key);
    if (value === undefined) return undefined;
    const accepted = accept(value);
    if (accepted === undefined) throw wrong(key, wanted);
    return accepted;
  };
  const required = <T>(key: string, wanted: string, value: T | undefined): T => {
    if (value === undefined) throw wrong(key, wanted);
    return value;
  };
  const countOf = (key: string, min: number, max: number): number | undefined =>
    get(key, `a whole number from ${min} to ${max}`, (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
        ? value
        : undefined,
    );
  const positiveOf = (key: string): number | undefined =>
    get(key, "a positive number", (value) =>
      typeof value === "number" && Number.isFinite(value) && value > 0 ? value : undefined,
    );
  const stringOf = (key: string): string | undefined =>
    get(key, "a string", (value) => (typeof value === "string" ? value : undefined));
  const stringsOf = (key: string): readonly string[] | undefined =>
    get(key, "an array of strings", (value) =>
      Array.isArray(value) && value.every((item) => typeof item === "string")
        ? (value as string[])
        : undefined,
    );
  return {
    string: (key) => required(key, "a string", stringOf(key)),
    optionalString: stringOf,
    count: (key, min, max) => required(key, `a whole number from ${min} to ${max}`, countOf(key, min, max)),
    optionalCount: countOf,
    positive: (key) => required(key, "a positive number", positiveOf(key)),
    optionalPositive: positiveOf,
    optionalScale: (key) => (metadata.get(key) === 0 ? undefined : positiveOf(key)),
    optionalBoolean: (key) => get(key, "a bool", (value) => (typeof value === "boolean" ? value : undefined)),
    strings: (key) => required(key, "an array of strings", stringsOf(key)),
    optionalStrings: stringsOf,
    optionalNumbers: (key) =>
      get(key, "an array of numbers", (value) =>
        ArrayBuffer.isView(value) || (Array.isArray(value) && value.every((item) => typeof item === "number"))
          ? (value as ArrayLike<number>)
          : undefined,
      ),
    has: (key) => metadata.has(key),
  };
}
