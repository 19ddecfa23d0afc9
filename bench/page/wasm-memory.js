/**
 * Imported before the library in its worker: what its WebAssembly memories take. They are held weakly, so that what the
 * library lets go of may be freed.
 */
/** @type {WeakRef<WebAssembly.Memory>[]} */
const memories = [];

WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
  construct(target, given) {
    const memory = new target(...given);
    memories.push(new WeakRef(memory));
    return memory;
  },
});

/** Bytes of those that are there now. A memory never shrinks: its length is its peak. */
export const wasmBytes = () =>
  memories.reduce((sum, memory) => sum + (memory.deref()?.buffer.byteLength ?? 0), 0);
