// @ts-check
/**
 * Whether a soak was flat. Everything here is a function of its samples.
 *
 * Warming up does not count: the first third of the soak, and the first third of each model's life. Of the rest, least
 * squares give two slopes of every level:
 *
 * - across models: over the medians of the models' lives, one point each. What outlives a model shows here.
 * - within a model: over all samples, every life with a level of its own. What a model gathers shows here.
 *
 * Growth is a slope times the soak's whole length. Its noise is half of the slope's 95 % confidence interval. A level
 * grows if its growth is more than is allowed and the noise cannot explain by how much; noise explains no more than what
 * is allowed once again, so that no growth of twice that passes, however noisy the machine.
 */
import { median } from "../../bench/statistics.mjs";

/**
 * @typedef {object} Sample taken while nothing computes, after garbage collection
 * @property {number} seconds since the soak began
 * @property {number} model which one, from 0
 * @property {number} age seconds since it was loaded
 * @property {Record<string, number>} levels bytes by quantity
 *
 * @typedef {object} Quantity
 * @property {string} key of `levels`
 * @property {string} name
 * @property {number} floorBytes allowed growth of a level of which 2 % are less
 *
 * @typedef {{ growth: number, noise: number, grows: boolean }} Trend bytes over the whole soak
 *
 * @typedef {object} Verdict
 * @property {string} name
 * @property {number} first median of the soak's first third, bytes
 * @property {number} last median of its last third
 * @property {number} allowed growth, bytes
 * @property {Trend | undefined} across undefined: too few models to say
 * @property {Trend | undefined} within undefined: too few samples to say
 */

const ALLOWED_SHARE = 0.02;

/** Two-sided 95 % quantiles of Student's t for 1, 2, … degrees of freedom; from there on the normal one's, rounded up. */
const T_95 = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];
const T_95_MANY = 2.1;

/** A slope of fewer says nothing. */
const LEAST_FREEDOM = 2;

/** @typedef {{ x: number, y: number }} Point */

/**
 * One slope for all groups of points, each of which has an intercept of its own.
 * @param {readonly (readonly Point[])[]} groups none of them empty
 * @returns {{ slope: number, halfInterval: number } | undefined} undefined of too few points
 */
export function commonSlope(groups) {
  const centred = groups.flatMap((points) => {
    const mean = (/** @type {"x" | "y"} */ axis) =>
      points.reduce((sum, point) => sum + point[axis], 0) / points.length;
    const [meanX, meanY] = [mean("x"), mean("y")];
    return points.map(({ x, y }) => ({ x: x - meanX, y: y - meanY }));
  });
  const sumOf = (/** @type {(point: Point) => number} */ term) =>
    centred.reduce((sum, point) => sum + term(point), 0);
  const spread = sumOf(({ x }) => x * x);
  const freedom = centred.length - groups.length - 1;
  if (freedom < LEAST_FREEDOM || spread === 0) return undefined;
  const slope = sumOf(({ x, y }) => x * y) / spread;
  const variance = sumOf(({ x, y }) => (y - slope * x) ** 2) / freedom;
  return { slope, halfInterval: (T_95[freedom - 1] ?? T_95_MANY) * Math.sqrt(variance / spread) };
}

/** @param {ReturnType<typeof commonSlope>} fit @param {number} seconds @param {number} allowed @returns {Trend | undefined} */
function trendOf(fit, seconds, allowed) {
  if (!fit) return undefined;
  const growth = fit.slope * seconds;
  const noise = fit.halfInterval * seconds;
  return { growth, noise, grows: growth > allowed + Math.min(noise, allowed) };
}

/** What was past warming up, by model. @param {readonly Sample[]} samples @param {number} seconds @returns {Sample[][]} */
function warmSamples(samples, seconds) {
  /** @type {Map<number, Sample[]>} */
  const lives = new Map();
  for (const sample of samples) lives.set(sample.model, [...(lives.get(sample.model) ?? []), sample]);
  return [...lives.values()]
    .map((life) => {
      const last = Math.max(...life.map(({ age }) => age));
      return life.filter((sample) => sample.seconds >= seconds / 3 && sample.age >= last / 3);
    })
    .filter((life) => life.length > 0);
}

/**
 * @param {readonly Sample[]} samples in order of time @param {readonly Quantity[]} quantities
 * @param {number} seconds length of the soak
 * @returns {{ verdicts: Verdict[], flat: boolean }} not flat if a level grows, or if there are too few samples to say
 */
export function judge(samples, quantities, seconds) {
  const warm = warmSamples(samples, seconds);
  const verdicts = quantities.map(({ key, name, floorBytes }) => {
    const level = (/** @type {Sample} */ sample) => sample.levels[key] ?? 0;
    const medianOf = (/** @type {readonly Sample[]} */ some) =>
      some.length > 0 ? median(some.map(level)) : 0;
    const first = medianOf(samples.filter((sample) => sample.seconds < seconds / 3));
    const last = medianOf(samples.filter((sample) => sample.seconds >= (seconds * 2) / 3));
    const allowed = Math.max(ALLOWED_SHARE * first, floorBytes);
    const lives = warm.map((life) => ({ x: median(life.map((each) => each.seconds)), y: medianOf(life) }));
    const within = warm.map((life) => life.map((each) => ({ x: each.seconds, y: level(each) })));
    return {
      name,
      first,
      last,
      allowed,
      across: trendOf(commonSlope([lives]), seconds, allowed),
      within: trendOf(commonSlope(within), seconds, allowed),
    };
  });
  const isFlat = (/** @type {Trend | undefined} */ trend) => trend !== undefined && !trend.grows;
  return { verdicts, flat: verdicts.every(({ across, within }) => isFlat(across) && isFlat(within)) };
}
