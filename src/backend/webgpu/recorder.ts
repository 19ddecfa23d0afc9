import type { Kernel } from "./compose.ts";
import type { Cell, Gpu } from "./device.ts";
import type { Grid } from "./kernels.ts";

export interface Resource {
  readonly cell: Readonly<Cell>;
  /** Bytes; the whole buffer without them. */
  readonly offset?: number;
  readonly size?: number;
}

/** Leaves out bindings that this composition of a kernel does not have. */
export function bind(resources: Readonly<Record<number, Resource | undefined>>): Record<number, Resource> {
  const bound: Record<number, Resource> = {};
  for (const [binding, resource] of Object.entries(resources))
    if (resource) bound[Number(binding)] = resource;
  return bound;
}

/** A kernel with everything it reads and writes; only the grid depends on the batch. */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly resources: Readonly<Record<number, Resource>>;
  /** Workgroups for that many rows (of experts: work items) that end a context of so many positions; 0: nothing to do. */
  grid(count: number, positions: number): Grid;
}

export interface Pipelines {
  /** By text; complete once `compiled` is. */
  readonly byText: ReadonlyMap<string, GPUComputePipeline>;
  /** Rejects as `gpu.compile` does. */
  readonly compiled: Promise<void>;
}

/** Starts to compile the kernels of all dispatches, each text once. */
export function compilePipelines(
  gpu: Gpu,
  dispatches: readonly Dispatch[],
  onProgress?: (done: number, total: number) => void,
): Pipelines {
  const kernels = new Map(dispatches.map(({ kernel }) => [kernel.text, kernel]));
  const byText = new Map<string, GPUComputePipeline>();
  const compile = async (kernel: Kernel): Promise<void> => {
    byText.set(kernel.text, await gpu.compile(kernel));
    onProgress?.(byText.size, kernels.size);
  };
  onProgress?.(0, kernels.size);
  return { byText, compiled: Promise.all([...kernels.values()].map(compile)).then(() => undefined) };
}

/** Collects dispatches into one compute pass until they are submitted. */
export interface Recorder {
  /** `descriptor`: of the pass, if this begins one. */
  record(dispatch: Dispatch, count: number, positions: number, descriptor?: GPUComputePassDescriptor): void;
  /** Copies bytes between buffers, behind what was recorded before. */
  copy(from: Resource, to: Resource, byteLength: number): void;
  /** Submits what was recorded, with commands that `append` adds after it. */
  submit(append?: (encoder: GPUCommandEncoder) => void): void;
  /** Forgets what was recorded. */
  discard(): void;
}

/** What a dispatch needs every time it is recorded. */
interface Prepared {
  readonly pipeline: GPUComputePipeline;
  readonly cells: readonly Readonly<Cell>[];
  /** What the cells held when the group was made. */
  readonly buffers: readonly GPUBuffer[];
  readonly group: GPUBindGroup;
}

/** `beforeSubmit` writes what the recorded commands are to see. */
export function createRecorder(
  gpu: Gpu,
  pipelines: ReadonlyMap<string, GPUComputePipeline>,
  beforeSubmit?: () => void,
): Recorder {
  const { device } = gpu;
  const prepared = new WeakMap<Dispatch, Prepared>();
  let encoder: GPUCommandEncoder | undefined;
  let pass: GPUComputePassEncoder | undefined;

  function bind({ kernel, resources }: Dispatch, pipeline: GPUComputePipeline): Prepared {
    const bound = Object.entries(resources);
    const cells = bound.map(([, { cell }]) => cell);
    const entries = bound.map(([binding, { cell, offset, size }]): GPUBindGroupEntry => {
      const range = { buffer: cell.buffer, ...(offset !== undefined && { offset }), ...(size && { size }) };
      return { binding: Number(binding), resource: range };
    });
    const layout = pipeline.getBindGroupLayout(0);
    const group = device.createBindGroup({ label: kernel.label, layout, entries });
    return { pipeline, cells, buffers: cells.map(({ buffer }) => buffer), group };
  }

  /** Made once, and again when a cell holds another buffer. */
  function prepare(dispatch: Dispatch): Prepared {
    const made = prepared.get(dispatch);
    if (made?.cells.every(({ buffer }, i) => buffer === made.buffers[i])) return made;
    const pipeline = made?.pipeline ?? pipelines.get(dispatch.kernel.text);
    if (!pipeline) throw new Error(`The kernel ${dispatch.kernel.label} was not compiled.`);
    const bound = bind(dispatch, pipeline);
    prepared.set(dispatch, bound);
    return bound;
  }

  return {
    record(dispatch, count, positions, descriptor) {
      const grid = dispatch.grid(count, positions);
      if (grid[0] === 0) return;
      const { pipeline, group } = prepare(dispatch);
      encoder ??= device.createCommandEncoder();
      pass ??= encoder.beginComputePass(descriptor);
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...grid);
    },

    copy(from, to, byteLength) {
      encoder ??= device.createCommandEncoder();
      pass?.end();
      pass = undefined;
      const [source, target] = [from.cell.buffer, to.cell.buffer];
      encoder.copyBufferToBuffer(source, from.offset ?? 0, target, to.offset ?? 0, byteLength);
    },

    submit(append) {
      if (!encoder && !append) return;
      encoder ??= device.createCommandEncoder();
      pass?.end();
      append?.(encoder);
      beforeSubmit?.();
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
