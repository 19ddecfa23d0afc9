import { beforeAll, expect, test } from "vitest";
import { integers, loadCore } from "./core.testing.ts";
import type { Core } from "./core.ts";
import { PREDICTORS } from "./core-prediction.ts";
import type { Decisions } from "./decisions.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

const SIZE = { layerCount: 3, expertCount: 12, expertsPerToken: 2, vocabSize: 40 };
const { layerCount, expertCount, expertsPerToken, vocabSize } = SIZE;

/** The tables in plain words. */
function reference() {
  const rows = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
  const even = expertsPerToken / expertCount;
  const usual = rows(layerCount, () => new Array<number>(expertCount).fill(even));
  const recent = rows(layerCount, () => new Array<number>(expertCount).fill(even));
  const after = rows(layerCount, () =>
    rows(expertCount, () => ({ all: 0, of: new Array<number>(expertCount).fill(0) })),
  );
  const named = rows(vocabSize, () =>
    rows(layerCount, () => ({ all: 0, of: new Array<number>(expertCount).fill(0) })),
  );
  return {
    learn(layer: number, token: number, picks: readonly number[], before: readonly number[] | undefined) {
      for (let b = 0; b < expertCount; b++) {
        const picked = picks.includes(b);
        usual[layer]![b] = usual[layer]![b]! * 0.999 + (picked ? 1 - 0.999 : 0);
        recent[layer]![b] = recent[layer]![b]! * 0.9 + (picked ? 1 - 0.9 : 0);
      }
      const name = named[token]![layer]!;
      if (name.all === 255) {
        name.of = name.of.map((count) => count >> 1);
        name.all = 127;
      }
      name.all++;
      for (const b of picks) name.of[b]!++;
      for (const a of before ?? []) {
        const row = after[layer]![a]!;
        if (row.all >= 256) {
          row.of = row.of.map((count) => count / 2);
          row.all /= 2;
        }
        row.all++;
        for (const b of picks) row.of[b]!++;
      }
    },
    rate(predictor: string, layer: number, token: number, before: Decisions | undefined): number[] {
      const mass = before ? Math.abs(before.weights[0]!) + Math.abs(before.weights[1]!) : 0;
      const odds = (p: number): number => {
        const q = Math.min(1 - 0.005, Math.max(0.005, p));
        return q / (1 - q);
      };
      return Array.from({ length: expertCount }, (_, b) => {
        const [often, late, name] = [usual[layer]![b]!, recent[layer]![b]!, named[token]![layer]!];
        const byToken = (name.of[b]! + 2 * often) / (name.all + 2);
        let byLayer = often;
        if (before && mass > 0) {
          byLayer = 0;
          before.ids.forEach((a, i) => {
            const row = after[layer]![a]!;
            byLayer += ((Math.abs(before.weights[i]!) / mass) * (row.of[b]! + 4 * often)) / (row.all + 4);
          });
        }
        if (predictor === "usual") return often;
        if (predictor === "recent") return late;
        if (predictor === "token") return byToken;
        if (predictor === "layer") return byLayer;
        const plain = odds(often);
        const mixed =
          odds(byToken) * (odds(byLayer) / plain) * Math.sqrt(odds(0.9 * late + 0.1 * often) / plain);
        return mixed / (1 + mixed);
      });
    },
  };
}

const decisions = (ids: readonly number[], weights: readonly number[]): Decisions => ({
  ids: Uint32Array.from(ids),
  weights: Float32Array.from(weights),
});

test("every predictor says what its plain description says, to the bit, over thousands of tokens", () => {
  const next = integers(23);
  const plain = reference();
  core.prediction.reset(SIZE);
  for (let step = 0; step < 2500; step++) {
    const tokens = Array.from({ length: 1 + next(3) }, () =>
      Math.min(next(vocabSize), next(vocabSize), next(vocabSize)),
    );
    let before: number[][] | undefined;
    for (let layer = 0; layer < layerCount; layer++) {
      const picks = tokens.map((token) => {
        const first = (token + layer + next(2)) % expertCount;
        return [first, (first + 1 + next(expertCount - 1)) % expertCount];
      });
      core.prediction.learn(
        layer,
        Uint32Array.from(tokens),
        Uint32Array.from(picks.flat()),
        before && Uint32Array.from(before.flat()),
      );
      tokens.forEach((token, row) => {
        plain.learn(layer, token, picks[row]!, before?.[row]);
      });
      before = picks;
    }
    if (step % 25 > 0) continue;
    const [layer, token] = [next(layerCount), next(vocabSize)];
    const known = next(3) > 0 ? decisions([next(6), 6 + next(6)], [next(8) / 8, next(4) / 8]) : undefined;
    for (const predictor of PREDICTORS)
      expect(Array.from(core.prediction.rate(predictor, layer, token, known))).toEqual(
        plain.rate(predictor, layer, token, known),
      );
  }
});

test("a vocabulary and a model too large for the tables still learn", () => {
  const large = { layerCount: 61, expertCount: 512, expertsPerToken: 1, vocabSize: 300_000 };
  core.prediction.reset(large);
  const tokens = new Uint32Array(8).fill(299_999);
  core.prediction.learn(60, tokens, new Uint32Array(8).fill(511), new Uint32Array(8));
  const likely = core.prediction.rate("mixed", 60, 299_999, decisions([0], [1]));
  expect(likely.indexOf(Math.max(...likely))).toBe(511);
  expect(likely[511]).toBeGreaterThan(0.7);
});

test("layers and picks outside the tables are refused", () => {
  core.prediction.reset(SIZE);
  const refused = expect.objectContaining({ code: "invalid-argument" });
  const token = Uint32Array.of(1);
  expect(() => core.prediction.rate("usual", 3, 0, undefined)).toThrow(refused);
  expect(() => core.prediction.rate("layer", 1, 0, decisions([12, 0], [1, 1]))).toThrow(refused);
  expect(() => core.prediction.learn(0, token, Uint32Array.of(1), undefined)).toThrow(refused);
  expect(() => core.prediction.learn(0, token, Uint32Array.of(1, 12), undefined)).toThrow(refused);
  expect(() => core.prediction.learn(1, token, Uint32Array.of(1, 2), Uint32Array.of(1))).toThrow(refused);
});
