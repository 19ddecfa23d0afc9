import type { Kernel } from "./compose.ts";
import type { Cell, Gpu } from "./device.ts";
import type { Grid } from "./kernels.ts";

export interface Resource {
  readonly cell: Readonly<Cell>;
  /** Bytes; the whole buffer without them. */
  readonly offset?: number;
  readonly size?: number;
}

/** A kernel with everything it reads and writes; only the grid depends on the batch. */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly resources: Readonly<Record<number, Resource>>;
  /** Workgroups for that many rows (of experts: work items). */
  grid(count: number): Grid;
}

/** Compiles the kernels of all dispatches, each text once. Rejects as `gpu.compile` does. */
export async function compilePipelines(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  onProgress?: (done: number, total: number) => void,
): Promise<ReadonlyMap<string, GPUComputePipeline>> {
  const kernels = new Map(dispatches.map(({ kernel }) => [kernel.text, kernel]));
  const pipelines = new Map<string, GPUComputePipeline>();
  onProgress?.(0, kernels.size);
  await Promise.all(
    [...kernels.values()].map(async (kernel) => {
      pipelines.set(kernel.text, await gpu.compile(kernel));
      onProgress?.(pipelines.size, kernels.size);
    }),
  );
  return pipelines;
}

/** Collects dispatches into one compute pass until they are submitted. */
export interface Recorder {
  record(dispatch: Dispatch, count: number): void;
  /** Submits what was recorded, with commands that `append` adds after it. */
  submit(append?: (encoder: GPUCommandEncoder) => void): void;
  /** Forgets what was recorded. */
  discard(): void;
}

export function createRecorder(gpu: Gpu, pipelines: ReadonlyMap<string, GPUComputePipeline>): Recorder {
  const { device } = gpu;
  const groups = new WeakMap<
    Dispatch,
    { readonly buffers: readonly GPUBuffer[]; readonly group: GPUBindGroup }
  >();
  let encoder: GPUCommandEncoder | undefined;
  let pass: GPUComputePassEncoder | undefined;

  /** Made once, and again when a cell holds another buffer. */
  function bindGroup(dispatch: Dispatch, pipeline: GPUComputePipeline): GPUBindGroup {
    const bound = Object.entries(dispatch.resources);
    const made = groups.get(dispatch);
    if (made && bound.every(([, { cell }], i) => cell.buffer === made.buffers[i])) return made.group;
    const entries = bound.map(([binding, { cell, offset, size }]): GPUBindGroupEntry => {
      const range = {
        buffer: cell.buffer,
        ...(offset !== undefined && { offset }),
        ...(size !== undefined && { size }),
      };
      return { binding: Number(binding), resource: range };
    });
    const { label } = dispatch.kernel;
    const group = device.createBindGroup({ label, layout: pipeline.getBindGroupLayout(0), entries });
    groups.set(dispatch, { buffers: bound.map(([, { cell }]) => cell.buffer), group });
    return group;
  }

  return {
    record(dispatch, count) {
      const pipeline = pipelines.get(dispatch.kernel.text);
      if (!pipeline) throw new Error(`The kernel ${dispatch.kernel.label} was not compiled.`);
      encoder ??= device.createCommandEncoder();
      pass ??= encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup(dispatch, pipeline));
      pass.dispatchWorkgroups(...dispatch.grid(count));
    },

    submit(append) {
      if (!encoder && !append) return;
      encoder ??= device.createCommandEncoder();
      pass?.end();
      append?.(encoder);
      device.queue.submit([encoder.finish()]);
      encoder = undefined;
      pass = undefined;
    },

    discard() {
      encoder = undefined;
      pass = undefined;
    },
  };
}
