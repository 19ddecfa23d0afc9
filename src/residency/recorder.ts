import { WebMoEError } from "../api/errors.ts";
import type { Decisions } from "../wasm/decisions.ts";
import type { RoutingListener } from "./routing-listener.ts";
import { passBytes, type TraceHeader, writeHeader, writePass } from "./trace-format.ts";

/** Listens to the routing of every pass; writes down those that come to their end while it is recording. */
export interface RoutingRecorder extends RoutingListener {
  /** Error: `invalid-argument` if it records already, no layer has experts, or `maxBytes` is no size. */
  start(maxBytes: number): void;
  /** What was recorded since the start or the last `read`, which is then forgotten. Error: as `stop`. */
  read(): Uint8Array<ArrayBuffer>;
  /** The rest of the trace. Error: `invalid-argument` if nothing was started. */
  stop(): Uint8Array<ArrayBuffer>;
}

export function routingRecorder(header: TraceHeader): RoutingRecorder {
  let chunks: Uint8Array<ArrayBuffer>[] | undefined;
  let room = 0;
  let isFull = false;
  let pass: { phase: "prefill" | "decode"; position: number; tokens: Uint32Array } | undefined;
  let layers: (Decisions | undefined)[] = [];
  function take(): Uint8Array<ArrayBuffer> {
    if (!chunks) throw new WebMoEError("invalid-argument", "No trace is being recorded.");
    const taken = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of chunks) {
      taken.set(chunk, at);
      at += chunk.length;
    }
    chunks = [];
    room += taken.length;
    return taken;
  }

  return {
    start(maxBytes) {
      if (!(maxBytes > 0))
        throw new WebMoEError("invalid-argument", `maxBytes is ${maxBytes}; it must be a number of bytes.`);
      if (chunks) throw new WebMoEError("invalid-argument", "A trace is being recorded: stop it first.");
      if (!header.recordBytes.some((bytes) => bytes > 0))
        throw new WebMoEError(
          "invalid-argument",
          "The model has no routed experts, so there is nothing to trace.",
        );
      const opening = writeHeader(header);
      chunks = [opening];
      room = maxBytes - opening.length;
      isFull = false;
      pass = undefined;
    },
    read: take,
    stop() {
      const rest = take();
      chunks = undefined;
      return rest;
    },
    beginPass(phase, position, tokens) {
      pass = chunks && { phase, position, tokens };
      layers = [];
    },
    layer(layer, decisions) {
      if (pass) layers[layer] = decisions;
    },
    endPass() {
      if (!pass || !chunks) return;
      const bytes = passBytes(header, pass.tokens.length);
      // Full: what comes later would have a gap before it.
      isFull ||= bytes > room;
      if (!isFull) {
        room -= bytes;
        chunks.push(writePass(header, { ...pass, layers }));
      }
      pass = undefined;
    },
  };
}
