/** What the backend says when the device has no room, or is gone. */
import type { Backend } from "../../src/backend/backend.ts";
import { tinyPlan } from "../../src/backend/testing/plans.ts";
import { requestDevice } from "../../src/backend/webgpu/adapter.ts";
import { createGpu } from "../../src/backend/webgpu/device.ts";
import {
  createWebGpuBackend,
  type DeviceConstraints,
  requestAdapter,
} from "../../src/backend/webgpu/index.ts";
import type { Finding } from "./harness.ts";

/** The code an action fails with, or a word for what it did instead. */
async function failureOf(action: () => unknown): Promise<string> {
  try {
    await action();
    return "nothing";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

/** An adapter whose devices can be reached, so that one can be taken away. */
async function watchedAdapter(devices: GPUDevice[]): Promise<GPUAdapter> {
  const found = await requestAdapter();
  if (!found) throw new Error("This browser gives no WebGPU adapter.");
  const { adapter } = found;
  const requestDevice = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = async (descriptor) => {
    const device = await requestDevice(descriptor);
    devices.push(device);
    return device;
  };
  return adapter;
}

export async function checkFailures(constraints: DeviceConstraints): Promise<Finding[]> {
  const plan = tinyPlan({ layerCount: 1, expertCount: 9 });
  const devices: GPUDevice[] = [];
  const messages: string[] = [];
  const findings: Finding[] = [];
  const expectFailure = async (what: string, code: string, action: () => unknown): Promise<void> => {
    const failure = await failureOf(action);
    findings.push({ what: `${what}: ${failure}`, difference: failure === code ? 0 : 1 });
  };
  const create = async (contextLength: number, maxBindingBytes: number): Promise<Backend> =>
    createWebGpuBackend({
      plan,
      contextLength,
      adapter: await watchedAdapter(devices),
      routing: "auto",
      constraints: { ...constraints, maxBindingBytes },
      onLost: (message) => messages.push(message),
    });

  await expectFailure("a context that no buffer holds", "out-of-memory", () => create(2 ** 24, 2 ** 20));
  await expectFailure("an expert larger than a buffer", "out-of-memory", () => create(256, 4096));
  // Two records of 49 KiB a piece, four pieces: eight slots.
  const backend = await create(256, 110_000);
  await expectFailure("more slots than four buffers hold", "out-of-memory", () =>
    backend.allocateSlots(Uint32Array.of(9)),
  );
  await expectFailure("as many as they hold", "nothing", () => backend.allocateSlots(Uint32Array.of(8)));
  const pass = { phase: "decode", tokens: Uint32Array.of(1) } as const;
  await expectFailure("a position beyond the context", "context-full", () =>
    backend.beginPass({ ...pass, position: 256 }),
  );
  await expectFailure("a prompt of a token that was sampled", "invalid-argument", () =>
    backend.beginPass({ phase: "prefill", position: 0, tokens: "sampled" }),
  );

  await backend.beginPass({ ...pass, position: 0 });
  plan.prologue.forEach(backend.run);
  const reading = backend.submit({ value: plan.logits });
  devices.at(-1)?.destroy();
  await expectFailure("a readback under way when the device goes", "device-lost", () => reading);
  await devices.at(-1)?.lost;
  await expectFailure("a pass on a lost device", "device-lost", () =>
    backend.beginPass({ ...pass, position: 0 }),
  );
  await expectFailure("a write to a lost device", "device-lost", () => backend.run(plan.prologue[0]!));
  findings.push({
    what: `the loss is reported once: ${messages.length}`,
    difference: messages.length === 1 ? 0 : 1,
  });
  backend.dispose();
  findings.push(await brokenShader(constraints));
  return findings;
}

/** Language features are found out by compiling what needs them, so a refusal must leave a device that works. */
async function brokenShader(constraints: DeviceConstraints): Promise<Finding> {
  const gpu = createGpu(await requestDevice(await watchedAdapter([]), constraints), constraints);
  const text = "@compute @workgroup_size(1) fn main() { let sum = noSuchFunction(1u); }";
  const refusal = await failureOf(() => gpu.compile({ label: "broken", text }));
  const after = await failureOf(() => gpu.check());
  gpu.dispose();
  return {
    what: `a shader that does not compile: ${refusal}; the device after it: ${after}`,
    difference: refusal.includes("broken does not compile") && after === "nothing" ? 0 : 1,
  };
}
