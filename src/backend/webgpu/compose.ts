import type { QuantName } from "../../model/quantization.ts";
import { DECODERS, type Decoder, INT8_DECODERS } from "./decoders.ts";
import { KERNEL_SOURCES, MODULE_SOURCES } from "./sources.ts";

export type KernelName = keyof typeof KERNEL_SOURCES;
export type ModuleName = keyof typeof MODULE_SOURCES;

/** A complete shader: kernels with equal text are one pipeline. */
export interface Kernel {
  readonly label: string;
  readonly text: string;
}

/** Four numbers of a vec4. */
export type Four = readonly [number, number, number, number];

/** WGSL constants by value: integers become u32, four of them a vector, `float()` f32. */
export type Constant = number | boolean | Four | { readonly f32: number };

export const float = (value: number): Constant => ({ f32: value });

function literal(value: Constant): string {
  if (typeof value === "boolean") return `: bool = ${value}`;
  if (typeof value === "number") return `: u32 = ${value}u`;
  if ("f32" in value) return `: f32 = ${value.f32}f`;
  return `: vec4<u32> = vec4<u32>(${value.map((part) => `${part}u`).join(", ")})`;
}

/** Matrix rows that a team of lanes takes in decode, by how many are multiplied in one dispatch. */
export interface TeamRows {
  /** 512 and more. */
  readonly medium: number;
  /** 8192 and more. */
  readonly large: number;
}

/** What changes a kernel's text besides the plan: optional features, and choices that change no bit. */
export interface Variants {
  /** The smallest subgroup of the adapter, or undefined to reduce through workgroup memory. */
  readonly subgroupLanes?: number;
  /** Convert f16 in hardware. */
  readonly nativeHalf: boolean;
  /** Round what products with weights of INT8_DECODERS multiply. */
  readonly int8?: boolean;
  /** Where timing on this device chose. */
  readonly teamRows?: Readonly<Partial<Record<QuantName, TeamRows>>>;
}

export interface Composition {
  readonly kernel: KernelName;
  readonly modules?: readonly ModuleName[];
  /** Adds this type's decoder, to numbers or to codes, and the half conversion it needs. */
  readonly decoder?: QuantName;
  readonly codes?: boolean;
  /** Adds the reduction over lanes. */
  readonly reduces?: boolean;
  readonly constants: Readonly<Record<string, Constant>>;
}

function decoderOf(type: QuantName, codes: boolean): Decoder {
  const decoder = codes ? INT8_DECODERS[type] : DECODERS[type];
  if (!decoder) throw new Error(`There is no decoder of ${type} to codes.`);
  return decoder;
}

/**
 * Joins features, constants, modules and the kernel into one shader. WGSL has no includes, and module-scope
 * declarations may come in any order, so composition is concatenation.
 */
export function compose(composition: Composition, variants: Variants): Kernel {
  const { kernel, modules = [], decoder, codes = false, reduces = false } = composition;
  const enables: string[] = [];
  const constants: Record<string, Constant> = { ...composition.constants };
  const parts: string[] = modules.map((name) => MODULE_SOURCES[name]);
  if (decoder) {
    if (variants.nativeHalf) enables.push("enable f16;");
    parts.push(MODULE_SOURCES[variants.nativeHalf ? "half-native" : "half-integer"]);
    const { source, spanElements, modules: shared } = decoderOf(decoder, codes);
    constants.SPAN_VECTORS = spanElements / 4;
    parts.push(MODULE_SOURCES.matrix, ...shared.map((name) => MODULE_SOURCES[name]), source);
  }
  if (reduces && variants.subgroupLanes !== undefined) {
    enables.push("enable subgroups;");
    constants.SUBGROUP_LANES = variants.subgroupLanes;
    parts.push(MODULE_SOURCES["reduce-subgroups"]);
  } else if (reduces) parts.push(MODULE_SOURCES["reduce-tree"]);
  parts.push(KERNEL_SOURCES[kernel]);
  const header = Object.entries(constants).map(([name, value]) => `const ${name}${literal(value)};`);
  return {
    label: decoder ? `${kernel} (${decoder}${codes ? ", int8" : ""})` : kernel,
    text: `${[...enables, header.join("\n"), ...parts.map((part) => part.trim())].join("\n\n")}\n`,
  };
}
