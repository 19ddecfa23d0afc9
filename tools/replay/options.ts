import { parseArgs } from "node:util";
import type { EvictionPolicy, ExpertBudget, SlotShares } from "../../src/api/options.ts";
import type { Predictor } from "../../src/wasm/core.ts";
import { PREDICTORS } from "../../src/wasm/core-prediction.ts";
import { EVICTION_POLICIES } from "../../src/wasm/core-slots.ts";
import type { Link } from "./link.ts";

export const USAGE = `npm run replay -- trace [trace …] [options]
  --budget 10%,25%,50%    shares of all expert bytes, or bytes
  --policy all            ${EVICTION_POLICIES.join(", ")}; LRU and Belady's optimum are always shown
  --predictor none        or ${PREDICTORS.join(", ")}, auto (the best of late), all: fetches ahead, beside every policy
  --shares even           or measured: slots go to the layers that they are worth most to, between texts
  --bandwidth 100MB/s     of the one link that records come over; also kB/s, GB/s, Mbit/s
  --latency 5ms           from a request to its first byte
  --texts all             or even, odd: every other text of the trace
  --as-recorded           prompts in chunks, as they ran; otherwise token by token, as if they had been generated`;

const UNITS: Readonly<Record<string, number>> = {
  "kB/s": 1e3,
  "MB/s": 1e6,
  "GB/s": 1e9,
  "Mbit/s": 1e6 / 8,
  ms: 1e-3,
  s: 1,
};

function quantity(name: string, text: string, units: readonly string[]): number {
  const match = /^(\d+(?:\.\d+)?)\s*(\S+)$/.exec(text);
  const unit = match && units.includes(match[2]!) ? UNITS[match[2]!] : undefined;
  if (!match || unit === undefined)
    throw new Error(`--${name} ${text} is not a number of ${units.join(", ")}.`);
  return Number(match[1]) * unit;
}

function listOf<T extends string>(name: string, text: string, known: readonly T[]): readonly T[] {
  if (text === "all") return known;
  const chosen = text.split(",");
  const unknown = chosen.find((item) => !known.includes(item as T));
  if (unknown !== undefined) throw new Error(`--${name} ${unknown} is none of ${known.join(", ")}.`);
  return chosen as T[];
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const [chosen, ...others] = listOf(name, text, known);
  if (text === "all" || !chosen || others.length > 0)
    throw new Error(`--${name} ${text} is not one of ${known.join(", ")}.`);
  return chosen;
}

export interface ReplayOptions {
  readonly traces: readonly string[];
  readonly budgets: readonly ExpertBudget[];
  readonly policies: readonly EvictionPolicy[];
  readonly predictors: readonly (Predictor | "auto")[];
  readonly shares: SlotShares;
  readonly link: Link;
  readonly texts: "all" | "even" | "odd";
  readonly asRecorded: boolean;
}

/** Errors say which option is wrong. */
export function replayOptions(args: string[]): ReplayOptions {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      budget: { type: "string", default: "10%,25%,50%" },
      policy: { type: "string", default: "all" },
      predictor: { type: "string", default: "none" },
      shares: { type: "string", default: "even" },
      bandwidth: { type: "string", default: "100MB/s" },
      latency: { type: "string", default: "5ms" },
      texts: { type: "string", default: "all" },
      "as-recorded": { type: "boolean", default: false },
    },
  });
  if (positionals.length === 0) throw new Error(USAGE);
  const texts = values.texts === "all" ? values.texts : oneOf("texts", values.texts, ["even", "odd"]);
  const budgets = values.budget.split(",").map((text): ExpertBudget => {
    if (/^\d+(\.\d+)?%$/.test(text)) return text as ExpertBudget;
    if (/^\d+$/.test(text)) return Number(text);
    throw new Error(`--budget ${text} is neither a share such as 25% nor a number of bytes.`);
  });
  const link = {
    bandwidth: quantity("bandwidth", values.bandwidth, ["kB/s", "MB/s", "GB/s", "Mbit/s"]),
    latency: quantity("latency", values.latency, ["ms", "s"]),
  };
  if (link.bandwidth === 0) throw new Error("--bandwidth is 0: nothing would ever arrive.");
  return {
    traces: positionals,
    budgets,
    policies: listOf("policy", values.policy, EVICTION_POLICIES),
    predictors:
      values.predictor === "none" ? [] : listOf("predictor", values.predictor, [...PREDICTORS, "auto"]),
    shares: oneOf("shares", values.shares, ["even", "measured"]),
    link,
    texts,
    asRecorded: values["as-recorded"],
  };
}
