import type { Backend } from "../backend/backend.ts";
import { createWasmBackend } from "../backend/wasm/index.ts";
import { nodePlatform } from "./node-platform.ts";
import type { Platform } from "./platform.ts";

/** Methods of a backend that a test may come between. */
const METHODS = [
  "writeTrunk",
  "allocateSlots",
  "writeSlot",
  "beginPass",
  "run",
  "runWave",
  "submit",
] as const;
export type Method = (typeof METHODS)[number];

/** The same backend with `through` around every call. */
export function intercept(
  backend: Backend,
  through: (method: Method, proceed: () => unknown, args: readonly unknown[]) => unknown,
): Backend {
  const intercepted: Backend = { ...backend };
  for (const method of METHODS) {
    const original = backend[method] as (...args: unknown[]) => unknown;
    Object.assign(intercepted, {
      [method]: (...args: unknown[]) => through(method, () => original(...args), args),
    });
  }
  return intercepted;
}

/** Node with a "GPU": the WASM backend under another name, as `change` alters each of its devices. */
export function fakeGpu(change: (device: Backend, plain: boolean) => Backend) {
  const base = nodePlatform();
  let devices = 0;
  let alive = 0;
  const platform: Platform = {
    ...base,
    requestGpu: async () => ({
      name: "fake",
      software: false,
      async createBackend({ plan, contextLength, plain, fill }) {
        devices++;
        alive++;
        const wasm = await createWasmBackend({ plan, contextLength, compile: base.compileCompute });
        // Slots of the WASM backend are allocated once, a GPU's whenever their number changes.
        const { expertCount } = plan.hyperparameters;
        await wasm.allocateSlots(Uint32Array.from(plan.layers, ({ moe }) => (moe ? expertCount : 0)));
        let expertBytes = 0;
        const resizable: Backend = {
          ...wasm,
          async allocateSlots(counts) {
            expertBytes = counts.reduce((sum, count, layer) => sum + count * wasm.slotBytes(layer), 0);
          },
          memory: () => ({ ...wasm.memory(), expertBytes }),
        };
        const kernels = plain ? [] : ["subgroups-4"];
        let disposed = false;
        const device = {
          ...change(resizable, plain),
          numerics: { ...wasm.numerics, backend: "webgpu", adapter: "fake", kernels } as const,
          dispose() {
            if (!disposed) alive--;
            disposed = true;
            wasm.dispose();
          },
        };
        try {
          await fill(device);
          return device;
        } catch (error) {
          device.dispose();
          throw error;
        }
      },
    }),
  };
  return { platform, devices: () => devices, alive: () => alive };
}
