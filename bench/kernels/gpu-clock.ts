/**
 * GPU time of a compute pass. Where the adapter has timestamps, every pass of a device made here writes them; the
 * backends that use the device know nothing of it.
 */
export interface ClockedAdapter {
  readonly adapter: GPUAdapter;
  /** Seconds of the last compute pass submitted; undefined where there are no timestamps, or they are too coarse. */
  lastPass(): Promise<number | undefined>;
}

export function clocked(adapter: GPUAdapter): ClockedAdapter {
  if (!adapter.features.has("timestamp-query")) return { adapter, lastPass: async () => undefined };
  let read: (() => Promise<number>) | undefined;
  const requestDevice = async (descriptor: GPUDeviceDescriptor = {}): Promise<GPUDevice> => {
    const requiredFeatures = [...(descriptor.requiredFeatures ?? []), "timestamp-query"] as GPUFeatureName[];
    const device = await adapter.requestDevice({ ...descriptor, requiredFeatures });
    const querySet = device.createQuerySet({ type: "timestamp", count: 2 });
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const resolved = device.createBuffer({ size: 16, usage: QUERY_RESOLVE | COPY_SRC });
    const mapped = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
    const createEncoder = device.createCommandEncoder.bind(device);
    device.createCommandEncoder = (given) => {
      const encoder = createEncoder(given);
      const begin = encoder.beginComputePass.bind(encoder);
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
      encoder.beginComputePass = (pass) => begin({ ...pass, timestampWrites });
      return encoder;
    };
    read = async () => {
      const encoder = createEncoder();
      encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, mapped, 0, 16);
      device.queue.submit([encoder.finish()]);
      await mapped.mapAsync(GPUMapMode.READ);
      const [began = 0n, ended = 0n] = new BigUint64Array(mapped.getMappedRange());
      mapped.unmap();
      return Number(ended - began) / 1e9;
    };
    return device;
  };
  const { features, limits, info } = adapter;
  return {
    adapter: { features, limits, info, requestDevice } as unknown as GPUAdapter,
    async lastPass() {
      const seconds = await read?.();
      // Pages get timestamps in steps of 100 µs.
      return seconds !== undefined && seconds > 1e-3 ? seconds : undefined;
    },
  };
}
