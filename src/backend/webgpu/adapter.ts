/** Constraints that tests put on a device, so that paths of weaker adapters run on any. */
export interface DeviceConstraints {
  /** WebGPU's default limits, whatever the adapter has. */
  readonly defaultLimits?: boolean;
  /** Only these optional features. */
  readonly features?: readonly GPUFeatureName[];
  /** Bytes of the largest buffer that is made for weights. */
  readonly maxBindingBytes?: number;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|microsoft basic render|\bwarp\b/i;

/** An adapter's name for people: vendor, architecture, description. */
export function adapterName({ info }: GPUAdapter): string {
  const words = [info.vendor, info.architecture, info.description].filter((word) => word.length > 0);
  return words.join(" ") || "unknown adapter";
}

/** Whether a CPU pretends to be a GPU. */
export function isSoftware({ info }: GPUAdapter): boolean {
  const fallback = "isFallbackAdapter" in info && info.isFallbackAdapter === true;
  return fallback || SOFTWARE.test([info.vendor, info.architecture, info.device, info.description].join(" "));
}

/**
 * The fastest adapter, or undefined where WebGPU is missing or refused. `software`: a CPU pretends to be a GPU,
 * which is slower than our own CPU backend.
 */
export async function requestAdapter(): Promise<
  { adapter: GPUAdapter; name: string; software: boolean } | undefined
> {
  // The type says that `gpu` is always there; browsers without WebGPU, insecure pages and Node say otherwise.
  const gpu = (globalThis.navigator as Partial<Navigator> | undefined)?.gpu;
  if (!gpu) return undefined;
  let adapter: GPUAdapter | null = null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch {
    // A browser that refuses is a browser without WebGPU.
  }
  if (!adapter) return undefined;
  return { adapter, name: adapterName(adapter), software: isSoftware(adapter) };
}

/** Features that some kernels have a variant for, and what times them. */
const USED_FEATURES: readonly GPUFeatureName[] = ["subgroups", "shader-f16", "timestamp-query"];

/** A device with the features and limits that help, as far as the adapter has them. */
export function requestDevice(adapter: GPUAdapter, constraints: DeviceConstraints): Promise<GPUDevice> {
  const allowed = constraints.features;
  const requiredFeatures = USED_FEATURES.filter(
    (feature) => adapter.features.has(feature) && (allowed?.includes(feature) ?? true),
  );
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  return adapter.requestDevice({
    label: "webmoe",
    requiredFeatures,
    requiredLimits: constraints.defaultLimits ? {} : { maxBufferSize, maxStorageBufferBindingSize },
  });
}
