import type { PackedAt, Packs } from "./packs.ts";

/** What is written and read to compare: as much as an expert of a middle-sized model, a few times. */
const SAMPLE_BYTES = 1024 * 1024;
export const SAMPLES = 4;

/** What serves payloads, and the reading speeds in MB/s that decided it. */
export interface PayloadChoice {
  readonly payloads: "indexeddb" | "opfs";
  readonly indexedDbReadRate: number;
  readonly opfsReadRate: number;
}

export interface PayloadBenchmark {
  readonly packs: Packs;
  write(samples: readonly Uint8Array[]): Promise<void>;
  read(): Promise<readonly (Uint8Array | undefined)[]>;
  /** Milliseconds. */
  readonly now: () => number;
}

/** A folder that no model has: their keys are longer. */
const SCRATCH = "measure";

/**
 * Reads the same bytes from both, and takes what is faster: a part is written once and read on every visit. Both have
 * just been written, so both are read from the system's cache, where most reads of a running model find them too.
 */
export async function measurePayloads({ packs, write, read, now }: PayloadBenchmark): Promise<PayloadChoice> {
  const samples = Array.from({ length: SAMPLES }, (_, i) => new Uint8Array(SAMPLE_BYTES).fill(i + 1));
  const rateOf = async (readAll: () => Promise<readonly (Uint8Array | undefined)[]>): Promise<number> => {
    const began = now();
    const values = await readAll();
    const ms = Math.max(now() - began, 0.01);
    const whole = values.length === SAMPLES && values.every((value) => value?.length === SAMPLE_BYTES);
    return whole ? (SAMPLES * SAMPLE_BYTES) / 1e3 / ms : 0;
  };
  await write(samples);
  const indexedDbReadRate = await rateOf(read);
  let opfsReadRate = 0;
  try {
    const places: readonly PackedAt[] = await packs.append(SCRATCH, samples);
    opfsReadRate = await rateOf(() => Promise.all(places.map((at) => packs.read(SCRATCH, at))));
  } finally {
    await packs.deleteModel(SCRATCH).catch(() => undefined);
  }
  const payloads = opfsReadRate > indexedDbReadRate ? "opfs" : "indexeddb";
  return { payloads, indexedDbReadRate, opfsReadRate };
}
