import type { Decisions } from "../wasm/decisions.ts";

/** Told what every pass decided, in the order in which it did. A pass that fails does not end. */
export interface RoutingListener {
  beginPass(phase: "prefill" | "decode", position: number, tokens: Uint32Array): void;
  /** Once a layer and pass, when its picks are settled and before its experts are asked for. */
  layer(layer: number, decisions: Decisions): void;
  endPass(): void;
}

/** Told what a layer's gate makes of the state one layer before it: most of what the layer will pick. */
export interface GateListener {
  /** Whether this is worth computing now. */
  wantsGates(): boolean;
  /** Once a generated token and layer, before the layer ahead of it has settled; likeliest first. */
  gates(layer: number, decisions: Decisions): void;
}
