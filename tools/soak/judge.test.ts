import { expect, test } from "vitest";
import { randomStream } from "../make-model/random.mjs";
import { commonSlope, judge } from "./judge.mjs";

const MB = 1e6;
const MINUTES = 30;
const LIFE_SECONDS = 240;
const LOOK_SECONDS = 10;
const QUANTITIES = [{ key: "heap", name: "heap", floorBytes: MB }];

interface Course {
  /** Bytes beside the level at a moment of the soak, and of a model's life; both in minutes. */
  readonly extra?: (minute: number, age: number) => number;
  readonly noise?: number;
  readonly seed?: number;
}

/** The samples of half an hour, of a level of 10 MB. */
function samplesOf({ extra = () => 0, noise = 0.1 * MB, seed = 1 }: Course) {
  const random = randomStream(seed, "noise");
  return Array.from({ length: (MINUTES * 60) / LOOK_SECONDS - 1 }, (_, i) => {
    const seconds = (i + 1) * LOOK_SECONDS;
    const age = seconds % LIFE_SECONDS;
    const heap = 10 * MB + extra(seconds / 60, age / 60) + noise * random.normal();
    return { seconds, model: Math.floor(seconds / LIFE_SECONDS), age, levels: { heap } };
  });
}

function verdictOf(course: Course) {
  const { verdicts, flat } = judge(samplesOf(course), QUANTITIES, MINUTES * 60);
  const [{ across, within }] = verdicts as [(typeof verdicts)[0]];
  return { flat, across: across?.grows, within: within?.grows };
}

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

test("noise is no growth", () => {
  for (const seed of SEEDS) expect(verdictOf({ seed })).toEqual({ flat: true, across: false, within: false });
});

test("a leak of 4 MB in half an hour that outlives its model is found in the same noise", () => {
  for (const seed of SEEDS) {
    const leak = verdictOf({ seed, extra: (minute) => 4 * MB * (minute / MINUTES) });
    expect(leak).toMatchObject({ flat: false, across: true });
  }
});

test("a leak of as much that goes with its model is found, as one within a model only", () => {
  for (const seed of SEEDS) {
    const leak = verdictOf({ seed, extra: (_, age) => 4 * MB * (age / MINUTES) });
    expect(leak).toEqual({ flat: false, across: false, within: true });
  }
});

test("what is allowed, a floor or 2 % of a larger level, is no growth", () => {
  const samples = (growth: number, level: number) =>
    samplesOf({ noise: 0, extra: (minute) => level + growth * (minute / MINUTES) });
  const isFlat = (growth: number, level: number): boolean =>
    judge(samples(growth, level), QUANTITIES, MINUTES * 60).flat;
  expect(isFlat(0.9 * MB, 0)).toBe(true);
  expect(isFlat(1.1 * MB, 0)).toBe(false);
  expect(isFlat(1.9 * MB, 90 * MB)).toBe(true);
  expect(isFlat(2.1 * MB, 90 * MB)).toBe(false);
});

test("noise excuses no growth of twice what is allowed", () => {
  // Up, down, down, up: four in a row leave the slope as it is, and its interval is as wide as one likes.
  const wave = (age: number): number =>
    50 * MB * ([1, -1, -1, 1][Math.round((age * 60) / LOOK_SECONDS) % 4] ?? 0);
  const { verdicts } = judge(
    samplesOf({ noise: 0, extra: (minute, age) => wave(age) + 10 * MB * (minute / MINUTES) }),
    QUANTITIES,
    MINUTES * 60,
  );
  const within = verdicts[0]?.within;
  expect(within!.noise).toBeGreaterThan(within!.growth);
  expect(within?.grows).toBe(true);
});

test("warming up, of the soak and of each model, is no growth", () => {
  const warming = verdictOf({
    noise: 0,
    extra: (minute, age) =>
      MB * (Math.min(minute, MINUTES / 3) + 5 * Math.min(age, LIFE_SECONDS / 60 / 3 - 0.1)),
  });
  expect(warming).toEqual({ flat: true, across: false, within: false });
});

test("a level that shrinks is flat", () => {
  expect(verdictOf({ extra: (minute) => -0.2 * MB * minute }).flat).toBe(true);
});

test("a soak too short to judge is not flat", () => {
  const few = samplesOf({}).slice(0, 20);
  const { verdicts, flat } = judge(few, QUANTITIES, LIFE_SECONDS);
  expect(verdicts[0]?.across).toBeUndefined();
  expect(flat).toBe(false);
});

test("groups of points share a slope and have intercepts of their own", () => {
  const line = (from: number, intercept: number) =>
    [0, 1, 2].map((x) => ({ x: from + x, y: intercept + 3 * (from + x) }));
  const fit = commonSlope([line(0, 5), line(10, -100)]);
  expect(fit?.slope).toBeCloseTo(3, 12);
  expect(fit?.halfInterval).toBeCloseTo(0, 9);
});

test("the interval is Student's: slope 0.6 ± 3.18 · √0.08 of five points", () => {
  // Sums of squares by hand: Sxx = 10, Sxy = 6, Syy = 6, residuals 2.4 with 3 degrees of freedom.
  const fit = commonSlope([[2, 4, 5, 4, 5].map((y, i) => ({ x: i + 1, y }))]);
  expect(fit?.slope).toBeCloseTo(0.6, 12);
  expect(fit?.halfInterval).toBeCloseTo(3.18 * Math.sqrt(0.08), 12);
});
