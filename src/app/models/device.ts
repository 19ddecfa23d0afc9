import type { Device } from "./fit.ts";

/** Where the browser does not say, as the library assumes. */
const DEFAULT_MEMORY_GIB = 4;

/** What the browser tells of the device that models have to fit. */
export async function describeDevice(): Promise<Device> {
  const { quota, usage = 0 } =
    (await navigator.storage?.estimate?.().catch((): StorageEstimate => ({}))) ?? ({} as StorageEstimate);
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  const memory = Number(Reflect.get(navigator, "deviceMemory") ?? DEFAULT_MEMORY_GIB);
  return {
    room: quota === undefined ? undefined : quota - usage,
    memoryBytes: memory * 1024 ** 3,
    gpuBufferBytes: adapter?.limits.maxBufferSize,
  };
}
