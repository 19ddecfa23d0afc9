import type { Stats } from "../../index.ts";

/** Counters at a moment. All but `seconds` only grow, so dropping a sample between two loses no sum. */
export interface Sample {
  /** Of work since the model was loaded: pauses between texts do not count. */
  readonly seconds: number;
  readonly hits: number;
  readonly misses: number;
  readonly stallSeconds: number;
  readonly networkBytes: number;
  readonly storeBytes: number;
  readonly hostBytes: number;
}

/** The lines of the charts, one value a sample; null where there is nothing to say. */
export interface Series {
  readonly seconds: number[];
  /** Per cent of the experts demanded since the sample before that were in a slot. */
  readonly hitRate: (number | null)[];
  /** Per cent of the time since the sample before that computing waited for experts. */
  readonly stall: (number | null)[];
  /** Bytes since load. */
  readonly network: number[];
  readonly store: number[];
  readonly host: number[];
}

const MOST_SAMPLES = 2048;
/** Longer than this between two looks is a pause. */
const LONGEST_STEP = 2;

export function createHistory() {
  let samples: Sample[] = [];
  let lastLook = Number.NaN;

  return {
    /** Adds the counters of `now`, ms. */
    add(now: number, stats: Stats): void {
      const step = (now - lastLook) / 1000;
      lastLook = now;
      const before = samples.at(-1);
      const seconds = (before?.seconds ?? 0) + (step >= 0 && step <= LONGEST_STEP ? step : 0);
      samples.push({
        seconds,
        hits: stats.expertHits,
        misses: stats.expertMisses,
        stallSeconds: stats.stallSeconds,
        networkBytes: stats.networkBytes,
        storeBytes: stats.storeBytes,
        hostBytes: stats.hostBytes,
      });
      // A long session is told more coarsely, never cut.
      if (samples.length > MOST_SAMPLES) samples = samples.filter((_, i) => i % 2 === 0);
    },
    clear(): void {
      samples = [];
      lastLook = Number.NaN;
    },
    samples: (): readonly Sample[] => samples,
  };
}

export function seriesOf(samples: readonly Sample[]): Series {
  const perCent = (part: number, whole: number): number | null => (whole > 0 ? (100 * part) / whole : null);
  const since = <T>(read: (sample: Sample, before: Sample) => T): (T | null)[] =>
    samples.map((sample, i) => (i === 0 ? null : read(sample, samples[i - 1]!)));
  return {
    seconds: samples.map(({ seconds }) => seconds),
    hitRate: since((now, before) => {
      const hits = now.hits - before.hits;
      return perCent(hits, hits + now.misses - before.misses);
    }),
    stall: since((now, before) => {
      const share = perCent(now.stallSeconds - before.stallSeconds, now.seconds - before.seconds);
      return share === null ? null : Math.min(100, share);
    }),
    network: samples.map(({ networkBytes }) => networkBytes),
    store: samples.map(({ storeBytes }) => storeBytes),
    host: samples.map(({ hostBytes }) => hostBytes),
  };
}

export function historyCsv(samples: readonly Sample[]): string {
  const lines = ["seconds,expert_hits,expert_misses,stall_seconds,network_bytes,store_bytes,host_bytes"];
  for (const { seconds, hits, misses, stallSeconds, networkBytes, storeBytes, hostBytes } of samples)
    lines.push(
      [seconds.toFixed(3), hits, misses, stallSeconds.toFixed(4), networkBytes, storeBytes, hostBytes].join(),
    );
  return `${lines.join("\n")}\n`;
}
