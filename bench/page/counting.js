/**
 * Imported before the library in its worker: counts what the library does not say of itself, on request from the page.
 * Patched is what the platform offers, so that the library runs as it is.
 */
let readbacks = 0;
if (globalThis.GPUBuffer) {
  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (...args) {
    readbacks++;
    return mapAsync.apply(this, args);
  };
}

/** Held weakly: what the library lets go of may be freed. */
const memories = [];
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(descriptor) {
    super(descriptor);
    memories.push(new WeakRef(this));
  }
};

const channel = new BroadcastChannel(new URLSearchParams(location.search).get("channel"));
channel.onmessage = () => {
  // A memory never shrinks: its length is its peak.
  const wasmBytes = memories.reduce((sum, held) => sum + (held.deref()?.buffer.byteLength ?? 0), 0);
  channel.postMessage({ readbacks, wasmBytes });
};
