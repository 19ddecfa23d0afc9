import type { ExpertBudget } from "../api/options.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** `512MB`, `1.5 GiB`, bytes, or what the library itself understands (`25%`, `all`, `min`) and checks. */
export function parseBudget(text: string | null): ExpertBudget | undefined {
  const words = text?.trim() ?? "";
  if (words === "") return undefined;
  const size = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(words);
  const unit = size && UNITS[size[2]!.toLowerCase()];
  return unit ? Math.floor(Number(size[1]) * unit) : (words as ExpertBudget);
}
