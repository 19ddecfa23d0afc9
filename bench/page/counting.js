/**
 * Imported before the library in its worker: counts what the library does not say of itself, on request from the page.
 * Patched is what the platform offers, so that the library runs as it is.
 */
import { wasmBytes } from "./wasm-memory.js";

let readbacks = 0;
if (globalThis.GPUBuffer) {
  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (...args) {
    readbacks++;
    return mapAsync.apply(this, args);
  };
}

const channel = new BroadcastChannel(new URLSearchParams(location.search).get("channel"));
channel.onmessage = () => channel.postMessage({ readbacks, wasmBytes: wasmBytes() });
