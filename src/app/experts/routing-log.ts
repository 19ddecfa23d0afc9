import type { Trace } from "../../index.ts";

/**
 * Reads a trace as it is recorded, in the layout that the library's `Trace` documents. Passes stay the bytes that came;
 * a token's picks are looked up when somebody asks for them.
 */

export interface RoutingShape {
  readonly layerCount: number;
  readonly expertCount: number;
  readonly expertsPerToken: number;
  /** Layers that have experts, ascending. */
  readonly moeLayers: readonly number[];
}

/** One forward computation: a prompt chunk, or one generated token. */
export interface RoutingPass {
  readonly shape: RoutingShape;
  readonly isDecode: boolean;
  /** Of its first token. */
  readonly position: number;
  readonly tokenCount: number;
  readonly view: DataView;
}

/** What one token used in one layer, highest weight first. */
export interface LayerRouting {
  readonly layer: number;
  readonly experts: readonly number[];
  readonly weights: readonly number[];
}

const HEADER_WORDS = 6;
const PASS_HEADER_BYTES = 8;
const idBytes = ({ expertCount }: RoutingShape): number => (expertCount > 256 ? 2 : 1);

function readShape(view: DataView): { shape: RoutingShape; bytes: number } {
  const word = (index: number): number => view.getUint32(index * 4, true);
  const layerCount = word(2);
  const layers = Array.from({ length: layerCount }, (_, layer) => layer);
  return {
    shape: {
      layerCount,
      expertCount: word(3),
      expertsPerToken: word(4),
      moeLayers: layers.filter((layer) => word(HEADER_WORDS + layer) > 0),
    },
    bytes: (HEADER_WORDS + layerCount) * 4,
  };
}

function passBytes(shape: RoutingShape, tokens: number): number {
  const perLayer = tokens * shape.expertsPerToken * (idBytes(shape) + 2);
  return PASS_HEADER_BYTES + tokens * 4 + shape.moeLayers.length * perLayer;
}

/** Takes the pieces of one trace in order. */
export function routingLog() {
  let shape: RoutingShape | undefined;
  return {
    /** The passes of the next piece. */
    take(bytes: Awaited<ReturnType<Trace["read"]>>): RoutingPass[] {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      let at = 0;
      if (!shape && view.byteLength > 0) ({ shape, bytes: at } = readShape(view));
      const passes: RoutingPass[] = [];
      while (shape && at < view.byteLength) {
        const packed = view.getUint32(at + 4, true);
        const tokenCount = packed >>> 1;
        const size = passBytes(shape, tokenCount);
        passes.push({
          shape,
          isDecode: (packed & 1) === 1,
          position: view.getUint32(at, true),
          tokenCount,
          view: new DataView(view.buffer, view.byteOffset + at, size),
        });
        at += size;
      }
      return passes;
    },
  };
}

/** Calls `visit` for every pick of a pass: of a layer those of each token, highest weight first. */
export function forEachPick(
  { shape, tokenCount, view }: RoutingPass,
  visit: (layer: number, expert: number, weight: number) => void,
): void {
  const { expertsPerToken, moeLayers } = shape;
  const count = tokenCount * expertsPerToken;
  const wide = idBytes(shape) === 2;
  const half = new DataView(new ArrayBuffer(4));
  let at = PASS_HEADER_BYTES + tokenCount * 4;
  for (const layer of moeLayers) {
    const weights = at + count * idBytes(shape);
    for (let i = 0; i < count; i++) {
      const expert = wide ? view.getUint16(at + i * 2, true) : view.getUint8(at + i);
      half.setUint16(0, view.getUint16(weights + i * 2, true));
      visit(layer, expert, half.getFloat32(0));
    }
    at = weights + count * 2;
  }
}

/** The routing of a generated token, layer by layer. */
export function routingOf(pass: RoutingPass): LayerRouting[] {
  const layers = new Map<number, { layer: number; experts: number[]; weights: number[] }>();
  for (const layer of pass.shape.moeLayers) layers.set(layer, { layer, experts: [], weights: [] });
  forEachPick(pass, (layer, expert, weight) => {
    layers.get(layer)!.experts.push(expert);
    layers.get(layer)!.weights.push(weight);
  });
  return [...layers.values()];
}
