import { WebMoEError } from "../api/errors.ts";
import type { Decisions } from "../wasm/decisions.ts";

/** The layout that `Trace` (src/api/info.ts) documents. */
const MAGIC = 0x54524d57;
const VERSION = 1;
const HEADER_BYTES = 24;
const MAX_LAYERS = 4096;
const MAX_EXPERTS = 65536;

export interface TraceHeader {
  readonly vocabSize: number;
  readonly expertCount: number;
  readonly expertsPerToken: number;
  /** Bytes of an expert record by layer; 0 for a dense layer. */
  readonly recordBytes: readonly number[];
}

/** One forward computation: a prompt chunk, or one generated token. */
export interface TracePass {
  readonly phase: "prefill" | "decode";
  /** Of the first token; 0 begins another text. */
  readonly position: number;
  readonly tokens: Uint32Array;
  /** By layer, `[tokens, expertsPerToken]`; undefined where it is dense. */
  readonly layers: readonly (Decisions | undefined)[];
}

export interface RoutingTrace extends TraceHeader {
  readonly passes: readonly TracePass[];
}

const idBytes = (expertCount: number): number => (expertCount > 256 ? 2 : 1);

export function passBytes(header: TraceHeader, rows: number): number {
  const picks = rows * header.expertsPerToken;
  const moeLayers = header.recordBytes.filter((bytes) => bytes > 0).length;
  return 8 + rows * 4 + moeLayers * picks * (idBytes(header.expertCount) + 2);
}

export function writeHeader(header: TraceHeader): Uint8Array<ArrayBuffer> {
  const { vocabSize, expertCount, expertsPerToken, recordBytes } = header;
  const words = [MAGIC, VERSION, recordBytes.length, expertCount, expertsPerToken, vocabSize, ...recordBytes];
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setUint32(i * 4, word, true);
  });
  return bytes;
}

const scratch = new DataView(new ArrayBuffer(4));

/** The upper half of an f32, rounded to the nearest. */
function upperHalf(value: number): number {
  scratch.setFloat32(0, value);
  return Math.min(scratch.getUint32(0) + 0x8000, 0xffffffff) >>> 16;
}

function fromUpperHalf(half: number): number {
  scratch.setUint32(0, half << 16);
  return scratch.getFloat32(0);
}

export function writePass(header: TraceHeader, pass: TracePass): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(passBytes(header, pass.tokens.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pass.position, true);
  view.setUint32(4, pass.tokens.length * 2 + Number(pass.phase === "decode"), true);
  let at = 8;
  for (const token of pass.tokens) {
    view.setUint32(at, token, true);
    at += 4;
  }
  const wide = idBytes(header.expertCount) === 2;
  for (const decisions of pass.layers) {
    if (!decisions) continue;
    for (const id of decisions.ids) {
      if (wide) view.setUint16(at, id, true);
      else view.setUint8(at, id);
      at += wide ? 2 : 1;
    }
    for (const weight of decisions.weights) {
      view.setUint16(at, upperHalf(weight), true);
      at += 2;
    }
  }
  return bytes;
}

const bad = (what: string): WebMoEError =>
  new WebMoEError("invalid-argument", `This is not a whole routing trace: ${what}. Record it again.`);

/** Reads and checks every number. Error: `invalid-argument`, naming what is wrong and at which byte. */
export function readTrace(bytes: Uint8Array): RoutingTrace {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view);
  const passes: TracePass[] = [];
  let end = 0;
  for (let at = HEADER_BYTES + header.recordBytes.length * 4; at < view.byteLength; ) {
    const pass = readPass(view, at, header);
    if (pass.position > end)
      throw bad(`the pass at byte ${at} starts at ${pass.position}, after ${end} tokens`);
    end = pass.position + pass.tokens.length;
    at += passBytes(header, pass.tokens.length);
    passes.push(pass);
  }
  return { ...header, passes };
}

function readHeader(view: DataView): TraceHeader {
  if (view.byteLength < HEADER_BYTES || view.getUint32(0, true) !== MAGIC)
    throw bad("it does not begin with WMRT");
  const word = (index: number): number => view.getUint32(index * 4, true);
  const [version, layerCount, expertCount, expertsPerToken, vocabSize] = [1, 2, 3, 4, 5].map(word) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (version !== VERSION) throw bad(`its version is ${version}, and only ${VERSION} is known`);
  if (layerCount < 1 || layerCount > MAX_LAYERS) throw bad(`it has ${layerCount} layers`);
  if (expertCount < 1 || expertCount > MAX_EXPERTS) throw bad(`it has ${expertCount} experts a layer`);
  if (expertsPerToken < 1 || expertsPerToken > expertCount)
    throw bad(`a token uses ${expertsPerToken} of ${expertCount} experts`);
  if (view.byteLength < HEADER_BYTES + layerCount * 4) throw bad("its header is cut off");
  const recordBytes = Array.from({ length: layerCount }, (_, layer) => word(6 + layer));
  if (!recordBytes.some((size) => size > 0)) throw bad("no layer has experts");
  return { vocabSize, expertCount, expertsPerToken, recordBytes };
}

function readPass(view: DataView, start: number, header: TraceHeader): TracePass {
  const { vocabSize, expertCount, expertsPerToken, recordBytes } = header;
  const cutOff = (): WebMoEError => bad(`the pass at byte ${start} is cut off`);
  if (start + 8 > view.byteLength) throw cutOff();
  const position = view.getUint32(start, true);
  const packed = view.getUint32(start + 4, true);
  const rows = packed >>> 1;
  const phase = packed & 1 ? "decode" : "prefill";
  if (rows === 0 || (phase === "decode" && rows > 1))
    throw bad(`the pass at byte ${start} has ${rows} tokens`);
  if (start + passBytes(header, rows) > view.byteLength) throw cutOff();
  let at = start + 8;
  const tokens = Uint32Array.from({ length: rows }, () => {
    const token = view.getUint32(at, true);
    if (token >= vocabSize)
      throw bad(`token ${token} at byte ${at} is outside the vocabulary of ${vocabSize}`);
    at += 4;
    return token;
  });
  const wide = idBytes(expertCount) === 2;
  const layers = recordBytes.map((size): Decisions | undefined => {
    if (size === 0) return undefined;
    const count = rows * expertsPerToken;
    const ids = Uint32Array.from({ length: count }, () => {
      const id = wide ? view.getUint16(at, true) : view.getUint8(at);
      if (id >= expertCount) throw bad(`expert ${id} at byte ${at} is not one of ${expertCount}`);
      at += wide ? 2 : 1;
      return id;
    });
    for (let row = 0; row < rows; row++)
      if (new Set(ids.subarray(row * expertsPerToken, (row + 1) * expertsPerToken)).size < expertsPerToken)
        throw bad(`a token of the pass at byte ${start} uses an expert twice`);
    const weights = Float32Array.from({ length: count }, () => {
      const weight = fromUpperHalf(view.getUint16(at, true));
      if (!Number.isFinite(weight)) throw bad(`the weight at byte ${at} is not a finite number`);
      at += 2;
      return weight;
    });
    return { ids, weights };
  });
  return { phase, position, tokens, layers };
}
