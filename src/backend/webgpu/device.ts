import { WebMoEError } from "../../api/errors.ts";
import type { Kernel } from "./compose.ts";

/** A buffer that may be replaced by a larger one; bind groups look at it when they are used. */
export interface Cell {
  buffer: GPUBuffer;
}

/** The device with what every part of the backend needs of it. */
export interface Gpu {
  readonly device: GPUDevice;
  /** Bytes of the largest buffer that a kernel can see as a whole, a multiple of 256. */
  readonly maxBindingBytes: number;
  /** Throws `device-lost` once the device is gone, or what the device reported outside of any scope. */
  check(): void;
  /** A zeroed storage buffer that can be written and read back. */
  storage(label: string, byteLength: number, usage?: GPUBufferUsageFlags): Cell;
  destroy(cell: Cell): void;
  /**
   * Runs `allocate`, which makes buffers, and touches each of those from `storage` in a submission of its own: some
   * drivers look for memory only then. Rejects with `out-of-memory` if the device has no room for them; the caller
   * then destroys what it made.
   */
  allocating<T>(purpose: string, allocate: () => T): Promise<T>;
  /** Compiles a kernel; rejects with its name and the compiler's message. */
  compile(kernel: Kernel): Promise<GPUComputePipeline>;
  dispose(): void;
}

/** Kernels address what they see in bytes, by 32-bit numbers. */
const ADDRESSABLE_BYTES = 2 ** 32 - 256;

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Bytes that a storage buffer for `byteLength` bytes takes. */
export const storageBytes = (byteLength: number): number => alignUp(Math.max(byteLength, 16), 16);

export function createGpu(
  device: GPUDevice,
  constraints: { readonly maxBindingBytes?: number },
  onLost?: (message: string) => void,
): Gpu {
  let failure: Error | undefined;
  let disposed = false;

  void device.lost.then(({ message, reason }) => {
    if (disposed) return;
    const text = `The GPU device was lost (${reason}): ${message || "no reason given"}. Load the model again, or use the wasm backend.`;
    failure = new WebMoEError("device-lost", text);
    onLost?.(text);
  });
  device.addEventListener("uncapturederror", ({ error }) => {
    failure ??=
      error instanceof GPUOutOfMemoryError
        ? new WebMoEError("out-of-memory", `The GPU ran out of memory: ${error.message}`)
        : error instanceof GPUInternalError
          ? new WebMoEError("device-lost", `The GPU's driver failed: ${error.message}`)
          : new Error(`The GPU refused a command: ${error.message}`);
  });

  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const limit = Math.min(
    maxBufferSize,
    maxStorageBufferBindingSize,
    ADDRESSABLE_BYTES,
    constraints.maxBindingBytes ?? Number.POSITIVE_INFINITY,
  );

  /** Made by the allocation that is under way. */
  let made: GPUBuffer[] | undefined;

  /** Uses each buffer once and changes none. */
  function touch(buffers: readonly GPUBuffer[]): void {
    const sink = device.createBuffer({ label: "touch", size: 4, usage: GPUBufferUsage.COPY_DST });
    const encoder = device.createCommandEncoder({ label: "touch" });
    for (const buffer of buffers) encoder.copyBufferToBuffer(buffer, 0, sink, 0, 4);
    device.queue.submit([encoder.finish()]);
    sink.destroy();
  }

  function check(): void {
    if (disposed) throw new WebMoEError("device-lost", "The backend was disposed.");
    if (failure) throw failure;
  }

  return {
    device,
    maxBindingBytes: limit - (limit % 256),

    check,

    storage(label, byteLength, usage = 0) {
      const size = storageBytes(byteLength);
      const flags = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC | usage;
      const buffer = device.createBuffer({ label, size, usage: flags });
      made?.push(buffer);
      return { buffer };
    },

    destroy({ buffer }) {
      buffer.destroy();
    },

    async allocating(purpose, allocate) {
      device.pushErrorScope("validation");
      device.pushErrorScope("out-of-memory");
      let result: ReturnType<typeof allocate> | undefined;
      let thrown: unknown;
      made = [];
      // Both scopes are popped whatever happens, or later errors would land in them.
      try {
        result = allocate();
        touch(made);
      } catch (error) {
        thrown = error;
      }
      made = undefined;
      const scopes = Promise.all([device.popErrorScope(), device.popErrorScope()]);
      // A device that is lost meanwhile may have no answer.
      const [outOfMemory, invalid] = await scopes.catch((cause): never => {
        check();
        throw new WebMoEError("device-lost", `The GPU was lost in making room for ${purpose}.`, { cause });
      });
      check();
      if (thrown) throw thrown;
      const error = outOfMemory ?? invalid;
      if (!error) return result as ReturnType<typeof allocate>;
      throw new WebMoEError(
        "out-of-memory",
        `The GPU has no room for ${purpose}: ${error.message} Lower expertBudget or contextLength.`,
      );
    },

    async compile({ label, text }) {
      device.pushErrorScope("validation");
      const module = device.createShaderModule({ label, code: text });
      // The pipeline's error says what is wrong; uncaptured, it would count as a failure of the device.
      void device.popErrorScope().catch(() => undefined);
      try {
        return await device.createComputePipelineAsync({
          label,
          layout: "auto",
          compute: { module, entryPoint: "main" },
        });
      } catch (cause) {
        check();
        const { messages } = await module.getCompilationInfo();
        const details = messages.map(({ lineNum, message }) => `line ${lineNum}: ${message}`).join("; ");
        const reason = details || (cause instanceof Error ? cause.message : String(cause));
        throw new Error(`The GPU kernel ${label} does not compile: ${reason}`, { cause });
      }
    },

    dispose() {
      disposed = true;
      device.destroy();
    },
  };
}
