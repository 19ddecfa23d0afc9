/**
 * Counts what the engine's worker holds of the platform: open IndexedDB transactions, fetches that have not come to
 * their end, bytes of WASM memories and of GPU buffers. Nothing here keeps anything alive.
 */
import { wasmBytes } from "./bench/wasm-memory.js";

let openTransactions = 0;
let pendingFetches = 0;

const { transaction } = IDBDatabase.prototype;

IDBDatabase.prototype.transaction = function (...given) {
  const opened = transaction.apply(this, given);
  openTransactions++;
  const ended = () => openTransactions--;
  opened.addEventListener("complete", ended, { once: true });
  opened.addEventListener("abort", ended, { once: true });
  return opened;
};

/** A body that is being read is pending until it has ended, failed or been cancelled. */
function countReader(reader) {
  let open = true;
  pendingFetches++;
  const ended = () => {
    if (open) pendingFetches--;
    open = false;
  };
  reader.closed.then(ended, ended);
  return reader;
}

const { fetch } = globalThis;

globalThis.fetch = async (...given) => {
  pendingFetches++;
  try {
    const response = await fetch(...given);
    if (response.body) {
      const { body } = response;
      const { getReader } = body;
      body.getReader = (...options) => countReader(getReader.apply(body, options));
    }
    return response;
  } finally {
    pendingFetches--;
  }
};

/** Bytes of buffers by device; a destroyed device has none. */
const gpuBytes = new Map();

if ("GPUDevice" in globalThis) {
  const { createBuffer, destroy: destroyDevice } = GPUDevice.prototype;
  const { destroy: destroyBuffer } = GPUBuffer.prototype;
  const owners = new WeakMap();
  let lastDevice = 0;
  const numbers = new WeakMap();
  const numberOf = (device) => {
    if (!numbers.has(device)) numbers.set(device, ++lastDevice);
    return numbers.get(device);
  };
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    const device = numberOf(this);
    owners.set(buffer, device);
    gpuBytes.set(device, (gpuBytes.get(device) ?? 0) + buffer.size);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    const device = owners.get(this);
    if (owners.delete(this) && gpuBytes.has(device)) gpuBytes.set(device, gpuBytes.get(device) - this.size);
    destroyBuffer.call(this);
  };
  GPUDevice.prototype.destroy = function () {
    gpuBytes.delete(numberOf(this));
    destroyDevice.call(this);
  };
}

/** Asked for by the runner, through the debugger. */
globalThis.soakCounts = () => ({
  openTransactions,
  pendingFetches,
  wasmBytes: wasmBytes(),
  gpuBytes: [...gpuBytes.values()].reduce((sum, bytes) => sum + bytes, 0),
});
