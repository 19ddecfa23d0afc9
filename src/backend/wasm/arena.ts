import { WebMoEError } from "../../api/errors.ts";
import { COMPUTE_MEMORY } from "../../wasm/compute.ts";

const WASM_PAGE = 65536;

/** Every allocation starts at a cache line. */
const ALIGNMENT = 64;

/** Bytes that a block takes so that what follows starts at a cache line too. */
export function alignedBytes(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** All memory of one backend: blocks are handed out in ascending order and never taken back. */
export interface Arena {
  /**
   * Address of `bytes` zeroed bytes. `purpose` names them in the error.
   * Errors: `out-of-memory`, after which the arena is as it was.
   */
  allocate(bytes: number, purpose: string): number;
  /** Views are stale after the next allocation. */
  bytes(address: number, length: number): Uint8Array<ArrayBuffer>;
  words(address: number, length: number): Uint32Array<ArrayBuffer>;
  floats(address: number, length: number): Float32Array<ArrayBuffer>;
}

/** Memory for compute.wasm. Errors: `out-of-memory`. */
export function createMemory(): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory(COMPUTE_MEMORY);
  } catch (cause) {
    throw new WebMoEError(
      "out-of-memory",
      "The browser has no memory for the CPU backend: close other tabs.",
      { cause },
    );
  }
}

/**
 * Memory for the build of compute.wasm that threads share. Undefined where it cannot be had: a page that is not
 * cross-origin isolated, or no room for what a browser sets aside for it.
 */
export function createSharedMemory(): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ ...COMPUTE_MEMORY, shared: true });
  } catch {
    return undefined;
  }
}

export function createArena(memory: WebAssembly.Memory, base: number): Arena {
  let top = base;
  const buffer = (): ArrayBuffer => memory.buffer as ArrayBuffer;
  return {
    allocate(bytes, purpose) {
      const address = alignedBytes(top);
      const end = address + bytes;
      const missing = Math.ceil((end - buffer().byteLength) / WASM_PAGE);
      if (missing > 0) {
        try {
          memory.grow(missing);
        } catch (cause) {
          throw new WebMoEError(
            "out-of-memory",
            `No room for ${bytes} bytes of ${purpose} beside the ${top} bytes in use: WebAssembly memory ends at 4 GiB, ` +
              "or at what the browser gives. Lower expertBudget or contextLength, or take a smaller model.",
            { cause },
          );
        }
      }
      top = end;
      return address;
    },
    bytes: (address, length) => new Uint8Array(buffer(), address, length),
    words: (address, length) => new Uint32Array(buffer(), address, length),
    floats: (address, length) => new Float32Array(buffer(), address, length),
  };
}
