/** The table of decoders: one for each encoding of weights, in `shaders/quant/`. */

import bf16 from "../../../shaders/quant/bf16.wgsl?raw";
import f16 from "../../../shaders/quant/f16.wgsl?raw";
import f32 from "../../../shaders/quant/f32.wgsl?raw";
import int8q40 from "../../../shaders/quant/int8/q4_0.wgsl?raw";
import int8q4k from "../../../shaders/quant/int8/q4_k.wgsl?raw";
import int8q80 from "../../../shaders/quant/int8/q8_0.wgsl?raw";
import iq4nl from "../../../shaders/quant/iq4_nl.wgsl?raw";
import iq4xs from "../../../shaders/quant/iq4_xs.wgsl?raw";
import mxfp4 from "../../../shaders/quant/mxfp4.wgsl?raw";
import q2k from "../../../shaders/quant/q2_k.wgsl?raw";
import q3k from "../../../shaders/quant/q3_k.wgsl?raw";
import q40 from "../../../shaders/quant/q4_0.wgsl?raw";
import q41 from "../../../shaders/quant/q4_1.wgsl?raw";
import q4k from "../../../shaders/quant/q4_k.wgsl?raw";
import q50 from "../../../shaders/quant/q5_0.wgsl?raw";
import q51 from "../../../shaders/quant/q5_1.wgsl?raw";
import q5k from "../../../shaders/quant/q5_k.wgsl?raw";
import q6k from "../../../shaders/quant/q6_k.wgsl?raw";
import q80 from "../../../shaders/quant/q8_0.wgsl?raw";
import tq10 from "../../../shaders/quant/tq1_0.wgsl?raw";
import tq20 from "../../../shaders/quant/tq2_0.wgsl?raw";
import type { QuantName } from "../../model/quantization.ts";
import type { MODULE_SOURCES } from "./sources.ts";

export interface Decoder {
  readonly source: string;
  /** Elements of a span: what one lane decodes at a time. Rows are whole spans. */
  readonly spanElements: number;
  /** Of `lib/`: which elements of the row a span is, and what several decoders share. */
  readonly modules: readonly (keyof typeof MODULE_SOURCES)[];
}

export const DECODERS: Readonly<Record<QuantName, Decoder>> = {
  f32: { source: f32, spanElements: 4, modules: ["vectors-consecutive"] },
  f16: { source: f16, spanElements: 8, modules: ["vectors-consecutive"] },
  bf16: { source: bf16, spanElements: 8, modules: ["vectors-consecutive"] },
  q8_0: { source: q80, spanElements: 16, modules: ["vectors-consecutive"] },
  q4_0: { source: q40, spanElements: 32, modules: ["vectors-consecutive"] },
  q4_1: { source: q41, spanElements: 32, modules: ["vectors-consecutive"] },
  q5_0: { source: q50, spanElements: 32, modules: ["vectors-consecutive", "fifth-bits"] },
  q5_1: { source: q51, spanElements: 32, modules: ["vectors-consecutive", "fifth-bits"] },
  q2_k: { source: q2k, spanElements: 32, modules: ["vectors-of-pairs"] },
  q3_k: { source: q3k, spanElements: 32, modules: ["vectors-of-pairs"] },
  q4_k: { source: q4k, spanElements: 32, modules: ["vectors-of-nibbles", "scale-and-minimum"] },
  q5_k: { source: q5k, spanElements: 32, modules: ["vectors-of-nibbles", "scale-and-minimum"] },
  q6_k: { source: q6k, spanElements: 32, modules: [] },
  iq4_nl: { source: iq4nl, spanElements: 32, modules: ["vectors-consecutive", "levels-iq4"] },
  iq4_xs: { source: iq4xs, spanElements: 32, modules: ["vectors-consecutive", "levels-iq4"] },
  mxfp4: { source: mxfp4, spanElements: 32, modules: ["vectors-consecutive"] },
  tq1_0: { source: tq10, spanElements: 64, modules: [] },
  tq2_0: { source: tq20, spanElements: 32, modules: ["vectors-of-pairs"] },
};

/** Decoders to codes, for products on int8 activations: a span is 32 neighbours. Other encodings have none. */
export const INT8_DECODERS: Readonly<Partial<Record<QuantName, Decoder>>> = {
  q8_0: { source: int8q80, spanElements: 32, modules: ["int8"] },
  q4_0: { source: int8q40, spanElements: 32, modules: ["int8"] },
  q4_k: { source: int8q4k, spanElements: 32, modules: ["int8", "scale-and-minimum"] },
};
