import { describe, expect, it } from "vitest";
import { routingRecorder } from "../../residency/recorder.ts";
import { alignText } from "./align.ts";
import { routingLog, routingOf } from "./routing-log.ts";
import { count, emptyUsage, mostUsed, overlap, usageCsv } from "./usage.ts";

/** Tokens through a recorder of three layers, the second dense; token t uses experts t and t + 1. */
function pieces(expertCount: number, tokens: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const recorder = routingRecorder({
    vocabSize: 999,
    expertCount,
    expertsPerToken: 2,
    recordBytes: [9, 0, 9],
  });
  recorder.start(1e6);
  const record = (phase: "prefill" | "decode", position: number, ids: readonly number[]): void => {
    recorder.beginPass(phase, position, Uint32Array.from(ids));
    const decisions = {
      ids: Uint32Array.from(ids.flatMap((id) => [id % expertCount, (id + 1) % expertCount])),
      weights: Float32Array.from(ids.flatMap(() => [0.75, 0.25])),
    };
    for (const layer of [0, 2]) recorder.layer(layer, decisions);
    recorder.endPass();
  };
  record("prefill", 0, [5, 6, 7]);
  const first = recorder.read();
  tokens.forEach((token, i) => {
    record("decode", 3 + i, [token]);
  });
  return [first, recorder.stop()];
}

describe("a trace read as it grows", () => {
  it("gives the passes of each piece, with narrow and wide ids", () => {
    for (const expertCount of [16, 300]) {
      const log = routingLog();
      const [first, second] = pieces(expertCount, [1, 299]).map((bytes) => log.take(bytes));
      expect(first!.map(({ isDecode, position, tokenCount }) => [isDecode, position, tokenCount])).toEqual([
        [false, 0, 3],
      ]);
      expect(second!.map(({ position }) => position)).toEqual([3, 4]);
      expect(routingOf(second![1]!)).toEqual(
        [0, 2].map((layer) => ({
          layer,
          experts: [299 % expertCount, 300 % expertCount],
          weights: [0.75, 0.25],
        })),
      );
      expect(log.take(new Uint8Array(0))).toEqual([]);
    }
  });
});

describe("the fingerprint of a text", () => {
  function usageOf(tokens: readonly number[]) {
    const log = routingLog();
    const usage = emptyUsage(3, 16);
    for (const piece of pieces(16, tokens))
      for (const pass of log.take(piece)) if (pass.isDecode) count(usage, pass);
    return usage;
  }

  it("counts generated tokens, and says which experts a layer used most", () => {
    const usage = usageOf([1, 1, 4]);
    expect(usage.tokens).toBe(3);
    expect(mostUsed(usage, 0, 3)).toEqual([
      { expert: 1, share: 2 / 6 },
      { expert: 2, share: 2 / 6 },
      { expert: 4, share: 1 / 6 },
    ]);
    expect(mostUsed(usage, 1, 3)).toEqual([]);
    expect(usageCsv(usage).split("\n").slice(0, 2)).toEqual([
      "layer,expert,picks,share_of_layer",
      "0,1,2,0.333333",
    ]);
  });

  it("overlaps wholly with itself, not at all with other experts, and by the common share else", () => {
    expect(overlap(usageOf([1, 4]), usageOf([4, 1]))).toBeCloseTo(1);
    expect(overlap(usageOf([1]), usageOf([8]))).toBe(0);
    expect(overlap(usageOf([1]), usageOf([2]))).toBeCloseTo(0.5);
    expect(overlap(usageOf([1]), emptyUsage(3, 16))).toBeUndefined();
    expect(overlap(usageOf([1]), emptyUsage(4, 16))).toBeUndefined();
  });
});

describe("shown text against written text", () => {
  /** What stands where each shown character was found; white space may be on markup beside it. */
  const placed = (shown: string, written: string): string =>
    Array.from(alignText(shown, written), (place, i) => (shown[i] === " " ? " " : written[place])).join("");

  it("finds every character again where markup was left out", () => {
    const written = "# Title\n\n1. **bold** word\n2. `code` &\n\n```js\nfunction f() {}\n```\nend";
    const shown = "Titlebold wordcode &function f() {}end";
    expect(placed(shown, written)).toBe(shown);
    expect(alignText("abc", "abc")).toEqual(Uint32Array.of(0, 1, 2));
  });

  it("stays near where a character was added, and goes on behind it", () => {
    const places = alignText("☑ done, then", "[x] done, then");
    expect(Array.from(places.subarray(2))).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(alignText("more", "")).toEqual(new Uint32Array(4));
  });
});
