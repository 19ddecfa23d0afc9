import { WebMoEError } from "../../api/errors.ts";
import type { Cell, Gpu } from "./device.ts";
import type { Recorder } from "./recorder.ts";

export interface Range {
  readonly cell: Cell;
  readonly offset: number;
  readonly byteLength: number;
}

/** Brings bytes back from the device: one copy a range and one map for all of them. */
export interface Readback {
  /** Submits what was recorded and reads `ranges` as it leaves them, one after the other. */
  read(recorder: Recorder, ranges: readonly Range[]): Promise<ArrayBuffer>;
  dispose(): void;
}

export function createReadback(gpu: Gpu): Readback {
  // A buffer is busy from its submission until it is unmapped; those that are free wait here.
  const free: GPUBuffer[] = [];
  const all = new Set<GPUBuffer>();

  function stagingFor(byteLength: number): GPUBuffer {
    const index = free.findIndex(({ size }) => size >= byteLength);
    if (index >= 0) return free.splice(index, 1)[0]!;
    for (const buffer of free.splice(0)) {
      all.delete(buffer);
      buffer.destroy();
    }
    const size = 2 ** Math.ceil(Math.log2(Math.max(byteLength, 4096)));
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const buffer = gpu.device.createBuffer({ label: "readback", size, usage });
    all.add(buffer);
    return buffer;
  }

  return {
    async read(recorder, ranges) {
      const byteLength = ranges.reduce((sum, range) => sum + range.byteLength, 0);
      const staging = stagingFor(byteLength);
      recorder.submit((encoder) => {
        let at = 0;
        for (const { cell, offset, byteLength } of ranges) {
          encoder.copyBufferToBuffer(cell.buffer, offset, staging, at, byteLength);
          at += byteLength;
        }
      });
      try {
        await staging.mapAsync(GPUMapMode.READ, 0, byteLength);
      } catch (cause) {
        gpu.check();
        throw new WebMoEError("device-lost", "The GPU did not return its results. Load the model again.", {
          cause,
        });
      }
      const bytes = staging.getMappedRange(0, byteLength).slice(0);
      staging.unmap();
      free.push(staging);
      gpu.check();
      return bytes;
    },

    dispose() {
      for (const buffer of all) buffer.destroy();
    },
  };
}
