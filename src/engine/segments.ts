/**
 * Where decode cuts a token's pass into submissions. A pass is `layerCount` layers and its finish (logits and
 * sampling), which counts as one more unit: a segment that ends behind it ends at `layerCount + 1`.
 */
export interface Segments {
  /** A token's pass begins. */
  beginToken(): void;
  /** The unit behind the segment that starts at `from`; `settled`: the layer there has its experts for sure. */
  end(from: number, settled: boolean): number;
  /** A segment ran: `missed[i]` says whether layer `from + i` lacked an expert, by picks that may be inexact. */
  ran(from: number, to: number, missed: readonly boolean[], milliseconds: number): void;
  /** The experts that a layer lacked came, and some of the guessed ones with them. */
  fetched(milliseconds: number): void;
}

/** `count` layers a segment; the finish goes with the last of them. */
export function fixedSegments(layerCount: number, count: number): Segments {
  return {
    beginToken() {},
    end: (from) => (from + count >= layerCount ? layerCount + 1 : from + count),
    ran() {},
    fetched() {},
  };
}

/** Weight of the newest token in a layer's rate; of the newest replayed layer in what guesses leave; of a fetch. */
const NEWEST = 0.05;
const NEWEST_REPLAY = 0.02;
const NEWEST_FETCH = 0.1;
/** What older segments count for in the costs, after each further one. */
const MEMORY = 0.99;
/** A segment counts as no slower than this many times what was expected: the machine did something else meanwhile. */
const WORST = 4;
/** Before anything was seen: half of the layers that lacked an expert lack none once their guessed picks were fetched. */
const GUESSES_MISS = 0.5;
const GUESSES_WEIGHT = 4;
/** Every so many tokens the first segment is one unit longer, or lengths that never vary would hide what a unit takes. */
const VARY_EVERY = 16;

/** Planning takes time that grows faster than the square of the layers; beyond these, segments have one length. */
const MOST_PLANNED = 128;

/**
 * Follows the measured miss rates: every segment ends where the time still to come is expected to be the least.
 *
 * With R for a round trip, C for a layer, E for the finish, F for a fetch, q(l) for how often layer l lacks an expert,
 * and the segment [a, e) run with guesses known for the layers below g:
 *
 *   T(a, g) = min over e of  R + C·layers + E·[e > L] + Σ_m P(first miss is m)·(F + T(m, max(g, e))) + P(no miss)·T(e, g)
 *
 * where a layer replayed after its own miss has q = 0, and q of a layer below g is multiplied by what share of misses
 * guesses leave. R, C and E are fitted to the times of the segments that ran, by least squares.
 */
export function adaptiveSegments(layerCount: number, isMoe: (layer: number) => boolean): Segments {
  const layers = layerCount;
  if (layers > MOST_PLANNED) return fixedSegments(layers, Math.ceil(Math.sqrt(layers)));
  const missRate = Array.from({ length: layers }, (_, layer) => (isMoe(layer) ? 0.1 : 0));
  const costs = segmentCosts();
  let fetchMs = 0;
  let [guessedMisses, guessedExpected] = [GUESSES_MISS * GUESSES_WEIGHT, GUESSES_WEIGHT];
  let plan: (from: number, reach: number, settled: boolean) => number = () => layers + 1;
  let token = -1;
  let replanAt = 0;
  /** Layers below have been run in this token, exactly or not; those below have had their picks fetched. */
  let [seen, reach] = [0, 0];

  return {
    beginToken() {
      token++;
      seen = 0;
      reach = 0;
      // The first two tokens measure, and planning for many layers takes time.
      if (token > 2 && token < replanAt) return;
      replanAt = token + Math.max(1, Math.floor(layers ** 2 / 256));
      const { roundTrip, layer, finish } = costs.fit();
      const left = Math.min(1, guessedMisses / guessedExpected);
      plan = planSegments(layers, {
        ...{ roundTrip, layer, finish, fetch: fetchMs },
        missRate: (at, guessed) => (guessed ? left : 1) * missRate[at]!,
      });
    },
    end(from, settled) {
      // Two tokens that tell a round trip from a layer from the finish.
      if (token === 0) return from + 1;
      if (token === 1) return layers + 1;
      const end = plan(from, Math.max(reach, from), settled);
      return from === 0 && token % VARY_EVERY === 0 ? Math.min(end + 1, layers + 1) : end;
    },
    ran(from, to, missed, milliseconds) {
      costs.add(Math.min(to, layers) - from, to > layers, milliseconds);
      const first = missed.indexOf(true);
      missed.forEach((lacks, i) => {
        const layer = from + i;
        if (!isMoe(layer)) return;
        if (layer >= seen) missRate[layer]! += NEWEST * (Number(lacks) - missRate[layer]!);
        else if (layer < reach && (first < 0 || i <= first)) {
          guessedMisses = (1 - NEWEST_REPLAY) * guessedMisses + Number(lacks);
          guessedExpected = (1 - NEWEST_REPLAY) * guessedExpected + missRate[layer]!;
        }
      });
      seen = Math.max(seen, Math.min(to, layers));
      if (first >= 0) reach = Math.max(reach, Math.min(to, layers));
    },
    fetched(milliseconds) {
      fetchMs += NEWEST_FETCH * (milliseconds - fetchMs);
    },
  };
}

interface Costs {
  readonly roundTrip: number;
  readonly layer: number;
  readonly finish: number;
}

/** Fits milliseconds = roundTrip + layers · layer + (finish, if it ran) by least squares that forget. */
function segmentCosts() {
  const normal = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  const right = [0, 0, 0];
  let fitted = [0, 0, 0];
  const predict = (row: readonly number[]): number =>
    row.reduce((sum, value, i) => sum + value * fitted[i]!, 0);
  return {
    add(layers: number, withFinish: boolean, milliseconds: number): void {
      const row = [1, layers, Number(withFinish)];
      const expected = predict(row);
      const time = expected > 0 ? Math.min(milliseconds, WORST * expected) : milliseconds;
      for (let i = 0; i < 3; i++) {
        right[i] = MEMORY * right[i]! + row[i]! * time;
        for (let j = 0; j < 3; j++) normal[3 * i + j] = MEMORY * normal[3 * i + j]! + row[i]! * row[j]!;
      }
    },
    /** Where the segments do not tell costs apart, what was fitted before stays. */
    fit(): Costs {
      const hold = 0.01 * (1 + normal[0]!);
      const matrix = normal.map((value, at) => value + (at % 4 === 0 ? hold : 0));
      const vector = right.map((value, i) => value + hold * fitted[i]!);
      fitted = solve3(matrix, vector).map((value) => Math.max(0, value));
      const [roundTrip, layer, finish] = fitted as [number, number, number];
      return { roundTrip, layer, finish };
    },
  };
}

/** Cramer's rule; `matrix` [3, 3] is positive definite. */
function solve3(matrix: readonly number[], vector: readonly number[]): number[] {
  const determinant = (m: readonly number[]): number =>
    m[0]! * (m[4]! * m[8]! - m[5]! * m[7]!) -
    m[1]! * (m[3]! * m[8]! - m[5]! * m[6]!) +
    m[2]! * (m[3]! * m[7]! - m[4]! * m[6]!);
  const whole = determinant(matrix);
  return [0, 1, 2].map(
    (column) =>
      determinant(matrix.map((value, at) => (at % 3 === column ? vector[Math.floor(at / 3)]! : value))) /
      whole,
  );
}

/** Lengths that segments may have; the one that reaches the end takes what there is. More would take long to try. */
const LENGTHS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024];

interface SegmentModel extends Costs {
  readonly fetch: number;
  readonly missRate: (layer: number, guessed: boolean) => number;
}

/** The ends that minimise T, for all starts, reaches of guesses, and whether the first layer is settled. */
function planSegments(layers: number, model: SegmentModel) {
  const width = layers + 2;
  const at = (from: number, reach: number, settled: boolean): number =>
    (from * width + Math.max(reach, from)) * 2 + Number(settled);
  const times = new Float64Array(width * width * 2);
  const ends = new Uint16Array(width * width * 2);
  const consider = (from: number, reach: number, settled: boolean): void => {
    let [best, bestEnd, lastEnd] = [Number.POSITIVE_INFINITY, from + 1, from];
    for (const length of LENGTHS) {
      const end = Math.min(from + length, layers + 1);
      if (end === lastEnd) break;
      lastEnd = end;
      const to = Math.min(end, layers);
      let time = model.roundTrip + model.layer * (to - from) + (end > layers ? model.finish : 0);
      let clean = 1;
      for (let miss = from; miss < to; miss++) {
        const rate = miss === from && settled ? 0 : model.missRate(miss, miss < reach);
        if (rate === 0) continue;
        time += clean * rate * (model.fetch + times[at(miss, Math.max(reach, to), true)]!);
        clean *= 1 - rate;
      }
      if (end <= layers) time += clean * times[at(end, reach, false)]!;
      // Ties go to the longer segment.
      if (time <= best) [best, bestEnd] = [time, end];
    }
    times[at(from, reach, settled)] = best;
    ends[at(from, reach, settled)] = bestEnd;
  };
  for (let from = layers; from >= 0; from--)
    for (const settled of [true, false])
      for (let reach = layers; reach >= from; reach--) consider(from, reach, settled);
  return (from: number, reach: number, settled: boolean): number => ends[at(from, reach, settled)]!;
}
