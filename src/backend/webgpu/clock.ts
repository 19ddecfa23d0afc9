/** How long the device takes for commands. */
import type { Gpu } from "./device.ts";
import type { Recorder } from "./recorder.ts";

export interface Clock {
  /**
   * Milliseconds of what `record` records into one pass and `recorder` submits: by the device's clock, or until it
   * reports that it is done where it has none. Pages see that clock in steps of 100 µs.
   */
  time(recorder: Recorder, record: (descriptor?: GPUComputePassDescriptor) => void): Promise<number>;
  dispose(): void;
}

const STAMPS = 2;
const STAMP_BYTES = 8;

export function createClock({ device }: Gpu): Clock {
  const { queue } = device;
  if (!device.features.has("timestamp-query"))
    return {
      async time(recorder, record) {
        const began = performance.now();
        record();
        recorder.submit();
        await queue.onSubmittedWorkDone();
        return performance.now() - began;
      },
      dispose: () => undefined,
    };
  const size = STAMPS * STAMP_BYTES;
  const querySet = device.createQuerySet({ type: "timestamp", count: STAMPS });
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
  const mapped = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  return {
    async time(recorder, record) {
      record({ timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } });
      recorder.submit((encoder) => {
        encoder.resolveQuerySet(querySet, 0, STAMPS, resolved, 0);
        encoder.copyBufferToBuffer(resolved, 0, mapped, 0, size);
      });
      await mapped.mapAsync(GPUMapMode.READ);
      const [began = 0n, ended = 0n] = new BigUint64Array(mapped.getMappedRange());
      mapped.unmap();
      return Number(ended - began) / 1e6;
    },
    dispose() {
      querySet.destroy();
      resolved.destroy();
      mapped.destroy();
    },
  };
}
