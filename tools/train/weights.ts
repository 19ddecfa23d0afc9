/** The trainer's flat array of weights: its header, and where each tensor lies (trainer/parameters.h). */
import { open } from "node:fs/promises";

export interface Shape {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly experts: number;
  readonly expertsPerToken: number;
  readonly expertHidden: number;
  readonly vocab: number;
  readonly context: number;
  readonly ropeBase: number;
  readonly normEpsilon: number;
}

const SHAPE_KEYS = [
  ...["layers", "hidden", "heads", "kvHeads", "headDim", "experts", "expertsPerToken", "expertHidden"],
  ...["vocab", "context", "ropeBase", "normEpsilon"],
] as readonly (keyof Shape)[];

/** A GGUF tensor `[rows, columns]` per part; experts' tensors have a part an expert. */
export interface TensorPlace {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** Offsets in floats of the tensor's parts. */
  readonly parts: readonly number[];
}

/** GGUF's tensors in the order of the file. */
export function tensorPlaces(shape: Shape): readonly TensorPlace[] {
  const { layers, hidden, heads, kvHeads, headDim, experts, expertHidden, vocab } = shape;
  const places: TensorPlace[] = [];
  let at = 0;
  const one = (name: string, rows: number, columns: number): void => {
    places.push({ name: `${name}.weight`, rows, columns, parts: [at] });
    at += rows * columns;
  };
  one("token_embd", vocab, hidden);
  for (let layer = 0; layer < layers; layer++) {
    const blk = `blk.${layer}.`;
    one(`${blk}attn_norm`, 1, hidden);
    one(`${blk}attn_q`, heads * headDim, hidden);
    one(`${blk}attn_k`, kvHeads * headDim, hidden);
    one(`${blk}attn_v`, kvHeads * headDim, hidden);
    one(`${blk}attn_q_norm`, 1, headDim);
    one(`${blk}attn_k_norm`, 1, headDim);
    one(`${blk}attn_output`, hidden, heads * headDim);
    one(`${blk}ffn_norm`, 1, hidden);
    one(`${blk}ffn_gate_inp`, experts, hidden);
    const matrix = expertHidden * hidden;
    const start = at;
    const all = (name: string, index: number, rows: number, columns: number): void => {
      const parts = Array.from({ length: experts }, (_, expert) => start + (3 * expert + index) * matrix);
      places.push({ name: `${blk}${name}_exps.weight`, rows, columns, parts });
    };
    all("ffn_gate", 0, expertHidden, hidden);
    all("ffn_up", 1, expertHidden, hidden);
    all("ffn_down", 2, hidden, expertHidden);
    at += 3 * matrix * experts;
  }
  one("output_norm", 1, hidden);
  return places;
}

export const weightCount = (shape: Shape): number => {
  const last = tensorPlaces(shape).at(-1)!;
  return last.parts[0]! + last.rows * last.columns;
};

export interface Weights {
  readonly shape: Shape;
  readonly values: Float32Array;
  /** The header's other lines, such as `step` and `tokens`. */
  readonly facts: ReadonlyMap<string, string>;
}

const LONGEST_HEADER = 1 << 20;

/** Reads the shape and the weights of a checkpoint; what follows them is left. */
export async function readWeights(path: string): Promise<Weights> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(LONGEST_HEADER);
    const { bytesRead } = await file.read(head, 0, LONGEST_HEADER, 0);
    const end = head.subarray(0, bytesRead).indexOf("\n\n");
    if (end < 0) throw new Error(`${path} is not a checkpoint: it has no header.`);
    const facts = new Map<string, string>();
    for (const line of head.toString("utf8", 0, end).split("\n")) {
      const space = line.indexOf(" ");
      facts.set(line.slice(0, space), line.slice(space + 1));
    }
    const numbers = SHAPE_KEYS.map((key) => [key, Number(facts.get(key))] as const);
    const missing = numbers.find(([, value]) => !(value > 0));
    if (missing) throw new Error(`${path} is not a checkpoint: its header has no ${missing[0]}.`);
    const shape = Object.fromEntries(numbers) as unknown as Shape;
    const values = new Float32Array(weightCount(shape));
    const bytes = new Uint8Array(values.buffer);
    const { bytesRead: got } = await file.read(bytes, 0, bytes.length, end + 2);
    if (got !== bytes.length) throw new Error(`${path} ends too early.`);
    return { shape, values, facts };
  } finally {
    await file.close();
  }
}

export async function writeWeights(path: string, shape: Shape, values: Float32Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(`${SHAPE_KEYS.map((key) => `${key} ${shape[key]}\n`).join("")}\n`);
    await file.writeFile(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  } finally {
    await file.close();
  }
}
