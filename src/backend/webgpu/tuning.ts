/**
 * Times kernels that give the same bits, once on a device, and takes the fastest. What differs is how many matrix rows
 * a team of lanes takes in decode: few leave more workgroups to hide latency behind, many share what a lane reads of x.
 * Each row's sum is made by the same lanes in the same order whatever the choice, and a kernel whose results differ from
 * the default's in any bit does not compete.
 */
import type { ForwardPlan } from "../../model/plan.ts";
import { packedLayout, type QuantName } from "../../model/quantization.ts";
import { isSoftware } from "./adapter.ts";
import { type Clock, createClock } from "./clock.ts";
import type { Kernel, TeamRows, Variants } from "./compose.ts";
import type { Cell, Gpu } from "./device.ts";
import type { MatrixShape } from "./kernels.ts";
import { defaultTeamRows, linearGrid, linearKernel, TEAM_ROWS } from "./products.ts";
import { createReadback } from "./readback.ts";
import { createRecorder, type Dispatch } from "./recorder.ts";

/** Keeps what was found between loads, as JSON. Both may fail: what is not kept is timed again. */
export interface TuningStore {
  read(adapter: string): Promise<unknown>;
  write(adapter: string, found: unknown): Promise<void>;
}

/** How many rows by encoding, and the digest of the kernels that were timed. */
type Found = Record<string, TeamRows & { readonly kernels: string }>;

/** Timing stops then; encodings that are left take the default until the next load. */
const LIMIT_MS = 250;
/** A device that takes longer for one product is no place for experiments. */
const MOST_PRODUCT_MS = 5;
const ROUNDS = 5;
/** Products of a round, so that it takes longer than a clock's step. */
const PRODUCTS = 24;
/** What a choice must win to replace the default: less is noise. */
const GAIN = 0.97;
/** Encodings that are timed: those of most of the plan's bytes. */
const MOST_TYPES = 3;

const COLS = 1024;
/** A quiet NaN: no product of finite numbers. */
const NAN_BITS = 0x7fc00000;
/** A matrix of each class of sizes, and what all weights together take at least, more than most caches hold. */
const ROWS: TeamRows = { medium: 2048, large: 8192 };
const WEIGHT_BYTES = 16 * 2 ** 20;

const CLASSES = ["medium", "large"] as const;

/** Names the device and what drives it, as far as a page may know. */
function identity({ info }: GPUAdapter): string {
  return [info.vendor, info.architecture, info.device, info.description].join("/");
}

/** FNV-1a of the texts: what was found for other kernels says nothing. */
function digest(kernels: readonly Kernel[]): string {
  let hash = 0x811c9dc5;
  for (const { text } of kernels)
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16);
}

/** The encodings of the plan's matrices, those of most bytes a token first. */
function typesOf({ trunk, layers }: ForwardPlan): QuantName[] {
  const bytes = new Map<QuantName, number>();
  const add = ({ type, rows, cols }: MatrixShape, times: number): void =>
    void bytes.set(type, (bytes.get(type) ?? 0) + times * packedLayout(type, rows, cols).byteLength);
  for (const spec of trunk) if (spec.rows > 1) add(spec, 1);
  for (const { moe } of layers)
    if (moe) for (const spec of Object.values(moe.matrices)) add(spec, moe.router.expertsPerToken);
  return [...bytes]
    .sort((a, b) => b[1] - a[1])
    .slice(0, MOST_TYPES)
    .map(([type]) => type);
}

function candidateKernel(variants: Variants, type: QuantName, rows: number, teamRows: number) {
  const tuned: Variants = { ...variants, teamRows: { [type]: { medium: teamRows, large: teamRows } } };
  const shape = {
    matrix: { type, rows, cols: COLS },
    rows: "one",
    residual: false,
    bias: false,
    scale: 1,
    outWidth: rows,
    outOffset: 0,
  } as const;
  return { kernel: linearKernel(tuned, shape), grid: linearGrid(tuned, shape, 1) };
}

/** What a stored value says of an encoding, if it says what it may. */
export function storedChoice(found: unknown, type: QuantName, kernels: string): TeamRows | undefined {
  const entry = (found as Partial<Found> | null | undefined)?.[type];
  const isChoice = (rows: unknown): boolean => TEAM_ROWS.includes(rows as number);
  return entry?.kernels === kernels && isChoice(entry.medium) && isChoice(entry.large)
    ? { medium: entry.medium, large: entry.large }
    : undefined;
}

export interface Timed {
  readonly teamRows: number;
  /** Of each round. */
  readonly times: readonly number[];
  /** What it computed of the test vectors. */
  readonly bits: Uint32Array;
}

/** The fastest by median of those with the first's bits; the first unless another is clearly faster. */
export function fastest([byDefault, ...others]: readonly [Timed, ...Timed[]]): number {
  const median = ({ times }: Timed): number => times.toSorted((a, b) => a - b)[times.length >> 1]!;
  let best = byDefault;
  let limit = median(byDefault) * GAIN;
  for (const other of others) {
    const equal =
      other.bits.length === byDefault.bits.length && other.bits.every((b, i) => b === byDefault.bits[i]);
    if (!equal || median(other) > limit) continue;
    best = other;
    limit = median(other);
  }
  return best.teamRows;
}

/** Variants with the choices for this device: those kept in `store`, or timed now. */
export async function tuneVariants(
  gpu: Gpu,
  adapter: GPUAdapter,
  plan: ForwardPlan,
  variants: Variants,
  store: TuningStore | undefined,
): Promise<Variants> {
  const began = performance.now();
  const adapterId = identity(adapter);
  const stored = await store?.read(adapterId).catch(() => undefined);
  const found: Found = {};
  let timedAny = false;
  for (const type of typesOf(plan)) {
    const kernelsOf = (rows: number): Kernel[] =>
      TEAM_ROWS.map((teamRows) => candidateKernel(variants, type, rows, teamRows).kernel);
    const kernels = digest(CLASSES.flatMap((size) => kernelsOf(ROWS[size])));
    let choice = storedChoice(stored, type, kernels);
    if (!choice && !isSoftware(adapter) && performance.now() - began < LIMIT_MS) {
      const isTimeUp = (): boolean => performance.now() - began > LIMIT_MS;
      // Kernels that cannot be timed are no reason not to load; a device that is lost is one.
      choice = await timeType(gpu, variants, type, isTimeUp).catch(() => {
        gpu.check();
        return undefined;
      });
      timedAny ||= choice !== undefined;
    }
    if (choice) found[type] = { ...choice, kernels };
  }
  if (timedAny) {
    const before = typeof stored === "object" && stored !== null ? stored : {};
    await store?.write(adapterId, { ...before, ...found }).catch(() => undefined);
  }
  return { ...variants, teamRows: found };
}

/** Undefined where the device is too slow, has no room, or time is up. */
async function timeType(
  gpu: Gpu,
  variants: Variants,
  type: QuantName,
  isTimeUp: () => boolean,
): Promise<TeamRows | undefined> {
  const cells: Cell[] = [];
  const make = (label: string, byteLength: number): Cell => {
    const cell = gpu.storage(label, byteLength);
    cells.push(cell);
    return cell;
  };
  const clock = createClock(gpu);
  try {
    const largest = packedLayout(type, ROWS.large, COLS).byteLength;
    const weightBytes = Math.max(largest, WEIGHT_BYTES);
    if (weightBytes > gpu.maxBindingBytes) return undefined;
    const allocate = () => ({
      x: make("timed x", COLS * 4),
      weights: make("timed weights", weightBytes),
      out: make("timed out", ROWS.large * 4),
    });
    const buffers = await gpu.allocating("timing kernels", allocate).catch(() => undefined);
    gpu.check();
    if (!buffers) return undefined;
    const { queue } = gpu.device;
    queue.writeBuffer(buffers.x.buffer, 0, testVector(COLS));
    queue.writeBuffer(buffers.weights.buffer, 0, testWeights(weightBytes));
    const choice = { medium: 0, large: 0 };
    for (const size of CLASSES) {
      const timed = await timeSize(gpu, clock, buffers, variants, type, size, isTimeUp);
      if (!timed) return undefined;
      choice[size] = fastest(timed);
    }
    return choice;
  } finally {
    clock.dispose();
    cells.forEach(gpu.destroy);
  }
}

async function timeSize(
  gpu: Gpu,
  clock: Clock,
  { x, weights, out }: Readonly<Record<"x" | "weights" | "out", Cell>>,
  variants: Variants,
  type: QuantName,
  size: keyof TeamRows,
  isTimeUp: () => boolean,
): Promise<[Timed, ...Timed[]] | undefined> {
  const rows = ROWS[size];
  const size256 = Math.ceil(packedLayout(type, rows, COLS).byteLength / 256) * 256;
  const byDefault = defaultTeamRows(rows);
  const order = [byDefault, ...TEAM_ROWS.filter((teamRows) => teamRows !== byDefault)];
  const candidates = await Promise.all(
    order.map(async (teamRows) => {
      const { kernel, grid } = candidateKernel(variants, type, rows, teamRows);
      // One after the other over all weights, so that none is still in a cache.
      const dispatches = Array.from(
        { length: Math.floor(weights.buffer.size / size256) },
        (_, i): Dispatch => ({
          kernel,
          resources: {
            1: { cell: x },
            2: { cell: out },
            8: { cell: weights, offset: i * size256, size: size256 },
          },
          grid: () => grid,
        }),
      );
      const recorder = createRecorder(gpu, new Map([[kernel.text, await gpu.compile(kernel)]]));
      const run = (count: number, descriptor?: GPUComputePassDescriptor): void => {
        for (let i = 0; i < count; i++) recorder.record(dispatches[i % dispatches.length]!, 1, 0, descriptor);
      };
      return { teamRows, recorder, run, times: [] as number[] };
    }),
  );
  const readback = createReadback(gpu);
  try {
    const bits: Uint32Array[] = [];
    for (const { recorder, run } of candidates) {
      // What a kernel does not write must not look like the default's result.
      gpu.device.queue.writeBuffer(out.buffer, 0, new Uint32Array(rows).fill(NAN_BITS));
      run(1);
      bits.push(
        new Uint32Array(await readback.read(recorder, [{ cell: out, offset: 0, byteLength: rows * 4 }])),
      );
    }
    for (let round = 0; round < ROUNDS; round++)
      for (const { recorder, run, times } of candidates) {
        if (isTimeUp()) return undefined;
        const ms = await clock.time(recorder, (descriptor) => run(PRODUCTS, descriptor));
        if (ms > MOST_PRODUCT_MS * PRODUCTS) return undefined;
        times.push(ms);
      }
    const [first, ...others] = candidates.map(
      ({ teamRows, times }, i): Timed => ({ teamRows, times, bits: bits[i]! }),
    );
    return [first!, ...others];
  } finally {
    readback.dispose();
  }
}

const testVector = (length: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7));

/** Bytes that are small finite numbers, whatever an encoding takes them for. */
function testWeights(byteLength: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength);
  const words = new Uint32Array(bytes.buffer);
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = (state & 0x1b1b1b1b) | 0x20202020;
  }
  return bytes;
}
