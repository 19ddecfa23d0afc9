/** The library's worker, on devices that go at the points that the page sets: at first those in the worker's name. */
import "../../src/worker/worker.ts";
import { CHANNEL, type Point } from "./points.ts";

interface Armed extends Point {
  left: number;
}

const arm = (points: readonly Point[]): Armed[] => points.map((point) => ({ ...point, left: point.count }));
let armed = arm(JSON.parse(self.name || "[]"));

const gone = new WeakSet<GPUDevice>();

/** Counts a call on `device`, which goes if a point is reached. */
function count(device: GPUDevice, call: Point["call"], label: string): void {
  const next = armed[0];
  if (!next || gone.has(device) || next.call !== call || !label.startsWith(next.label ?? "")) return;
  if (--next.left > 0) return;
  armed = armed.slice(1);
  gone.add(device);
  device.destroy();
}

function watch(device: GPUDevice): GPUDevice {
  const { queue } = device;
  const submit = queue.submit.bind(queue);
  const writeBuffer = queue.writeBuffer.bind(queue);
  queue.submit = (buffers) => {
    submit(buffers);
    count(device, "submit", "");
  };
  queue.writeBuffer = (buffer: GPUBuffer, ...rest: [number, BufferSource, number?, number?]) => {
    writeBuffer(buffer, ...rest);
    count(device, "write", buffer.label);
  };
  return device;
}

const requestAdapter = navigator.gpu.requestAdapter.bind(navigator.gpu);
navigator.gpu.requestAdapter = async (options) => {
  const adapter = await requestAdapter(options);
  if (!adapter) return adapter;
  const requestDevice = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = async (descriptor) => watch(await requestDevice(descriptor));
  return adapter;
};

const channel = new BroadcastChannel(CHANNEL);
channel.addEventListener("message", ({ data }: MessageEvent<Point[]>) => {
  armed = arm(data);
  channel.postMessage(data);
});
