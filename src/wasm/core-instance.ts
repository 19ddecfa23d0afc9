import { WebMoEError } from "../api/errors.ts";
import type { OnMiss } from "../api/options.ts";
import {
  FLOAT_FORMATS,
  fileRowBytes,
  packedLayout,
  QUANT_TYPES,
  type QuantName,
} from "../model/quantization.ts";
import type { RouterSpec } from "../model/router-spec.ts";
import type { Core } from "./core.ts";
import { type CoreExports, type CoreMemory, coreMemory } from "./core-memory.ts";
import { predictionTables } from "./core-prediction.ts";
import { slotTables } from "./core-slots.ts";
import { coreTokenizer } from "./core-tokenizer.ts";

/** Positions are the codes that asm/core/router/topk.ts knows. */
const SCORES: readonly RouterSpec["score"][] = ["none", "softmax", "sigmoid"];
const GROUP_SCORES: readonly NonNullable<RouterSpec["groups"]>["score"][] = ["max", "top2-sum"];
const WEIGHTS: readonly RouterSpec["weights"][] = ["raw", "renormalized", "softmax"];

/** Positions are the codes that asm/core/router/resident.ts knows. */
export const ON_MISS: readonly OnMiss[] = ["wait", "substitute", "skip"];

const FIELD_TABLE_ROW_BYTES = 24;

const isCount = (value: number): boolean => Number.isInteger(value) && value > 0;

function checkRouter(spec: RouterSpec, logits: Float32Array, rows: number, bias?: Float32Array): void {
  const { expertCount, expertsPerToken, groups } = spec;
  const fail = (what: string): never => {
    throw new WebMoEError("invalid-argument", `Router: ${what}.`);
  };
  if (!isCount(expertCount)) fail(`expertCount ${expertCount} is not a positive integer`);
  const eligible = groups ? (expertCount / groups.count) * groups.kept : expertCount;
  if (groups && (!isCount(groups.count) || expertCount % groups.count !== 0)) {
    fail(`${expertCount} experts do not divide into ${groups.count} groups`);
  }
  if (groups && (!isCount(groups.kept) || groups.kept > groups.count)) {
    fail(`${groups.kept} of ${groups.count} groups cannot be kept`);
  }
  if (!isCount(expertsPerToken) || expertsPerToken > eligible) {
    fail(`${expertsPerToken} experts cannot be picked from ${eligible}`);
  }
  if (logits.length !== rows * expertCount) fail(`${logits.length} logits are not [${rows}, ${expertCount}]`);
  if (spec.selectionBias !== undefined && !bias)
    fail(`the selection bias ${spec.selectionBias} is not given`);
  if (bias && bias.length !== expertCount)
    fail(`the selection bias has ${bias.length} of ${expertCount} values`);
}

/** Rows of six u32, as `asm/core/layout/repack.ts` reads them. */
function fieldTable(type: QuantName, packed: number, planeOffsets: readonly number[]): Uint32Array {
  const { fields, planes } = QUANT_TYPES[type];
  return Uint32Array.from(
    fields.flatMap(({ offset, bytes, plane, planeOffset, floats }) => {
      const number = floats ? FLOAT_FORMATS[floats] : { bytes: 0, exponentMask: 0 };
      const target = packed + planeOffsets[plane]! + planeOffset;
      return [offset, bytes, target, planes[plane]!, number.bytes, number.exponentMask];
    }),
  );
}

function repack(
  wasm: CoreExports,
  memory: CoreMemory,
  type: QuantName,
  bytes: Uint8Array,
  rows: number,
  cols: number,
): Uint8Array<ArrayBuffer> {
  const { blockSize, blockBytes, fields } = QUANT_TYPES[type];
  if (cols % blockSize !== 0 || bytes.length !== rows * fileRowBytes(type, cols)) {
    throw new WebMoEError(
      "invalid-argument",
      `${bytes.length} bytes are not a ${type} matrix of ${rows} rows and ${cols} columns.`,
    );
  }
  const { planes, byteLength } = packedLayout(type, rows, cols);
  const blocks = (rows * cols) / blockSize;
  const interleaved = fields.length > 1;
  const [source, packed, table] = memory.stage(
    interleaved ? bytes.length : 0,
    byteLength,
    fields.length * FIELD_TABLE_ROW_BYTES,
  ) as [number, number, number];
  planes.forEach(({ offset, rowBytes }, i) => {
    const end = offset + rowBytes * rows;
    memory.zero(packed + end, (planes[i + 1]?.offset ?? byteLength) - end);
  });
  let bad: number;
  if (interleaved) {
    const offsets = planes.map(({ offset }) => offset);
    memory.write(source, bytes);
    memory.write(table, fieldTable(type, packed, offsets));
    bad = wasm.repackBlocks(source, blocks, blockBytes, table, fields.length);
  } else {
    const { bytes: numberBytes, exponentMask } = FLOAT_FORMATS[fields[0]!.floats!];
    memory.write(packed, bytes);
    bad = wasm.checkElements(packed, blocks, numberBytes, exponentMask);
  }
  if (bad >= 0) {
    const what = interleaved ? "scale of block" : "element";
    throw new WebMoEError(
      "bad-gguf",
      `The ${type} ${what} ${bad} (row ${Math.floor((bad * blockSize) / cols)}) is not finite: the file is damaged.`,
    );
  }
  return memory.u8(packed, byteLength);
}

function unpack(
  wasm: CoreExports,
  memory: CoreMemory,
  type: QuantName,
  packed: Uint8Array,
  rows: number,
  cols: number,
): Uint8Array<ArrayBuffer> {
  const { blockSize, blockBytes, fields } = QUANT_TYPES[type];
  const { planes, byteLength } = packedLayout(type, rows, cols);
  if (cols % blockSize !== 0 || packed.length !== byteLength) {
    throw new WebMoEError(
      "invalid-argument",
      `${packed.length} bytes are not a packed ${type} matrix of ${rows} rows and ${cols} columns.`,
    );
  }
  const fileBytes = rows * fileRowBytes(type, cols);
  // One field is one plane: the packed form is the file's, and zeros after it.
  if (fields.length === 1) return packed.slice(0, fileBytes);
  const [blocks, source, table] = memory.stage(
    fileBytes,
    byteLength,
    fields.length * FIELD_TABLE_ROW_BYTES,
  ) as [number, number, number];
  memory.write(source, packed);
  const offsets = planes.map(({ offset }) => offset);
  memory.write(table, fieldTable(type, source, offsets));
  wasm.unpackBlocks(blocks, (rows * cols) / blockSize, blockBytes, table, fields.length);
  return memory.u8(blocks, fileBytes);
}

/** Instantiates core.wasm. */
export async function instantiateCore(module: WebAssembly.Module): Promise<Core> {
  const instance = await WebAssembly.instantiate(module);
  const wasm = instance.exports as unknown as CoreExports;
  const memory = coreMemory(wasm);
  return {
    checksum(bytes) {
      const [address] = memory.stage(bytes.length) as [number];
      memory.write(address, bytes);
      return BigInt.asUintN(64, wasm.xxh64(address, bytes.length)).toString(16).padStart(16, "0");
    },
    repack: (type, bytes, rows, cols) => repack(wasm, memory, type, bytes, rows, cols),
    unpack: (type, packed, rows, cols) => unpack(wasm, memory, type, packed, rows, cols),
    ...coreTokenizer(wasm, memory),
    route(spec, logits, rows, bias) {
      checkRouter(spec, logits, rows, bias);
      const { expertCount, expertsPerToken, groups } = spec;
      const picked = rows * expertsPerToken;
      const [input, added, ids, weights, scratch] = memory.stage(
        logits.byteLength,
        bias?.byteLength ?? 0,
        picked * 4,
        picked * 4,
        wasm.routeScratchBytes(expertCount),
      ) as [number, number, number, number, number];
      memory.write(input, logits);
      if (bias) memory.write(added, bias);
      wasm.route(
        input,
        rows,
        expertCount,
        expertsPerToken,
        SCORES.indexOf(spec.score),
        bias ? added : 0,
        groups?.count ?? 0,
        groups?.kept ?? 0,
        groups ? GROUP_SCORES.indexOf(groups.score) : 0,
        WEIGHTS.indexOf(spec.weights),
        spec.scale,
        ids,
        weights,
        scratch,
      );
      return { ids: memory.u32(ids, picked), weights: memory.f32(weights, picked) };
    },
    routeResident(spec, logits, table, { cacheMargin, onMiss }) {
      checkRouter(spec, logits, 1);
      const { expertCount, expertsPerToken, groups } = spec;
      if (table.length !== expertCount || !(cacheMargin >= 0))
        throw new WebMoEError(
          "invalid-argument",
          `Router: a slot table of ${table.length} entries for ${expertCount} experts, a margin of ${cacheMargin}.`,
        );
      const [input, slots, ids, weights, scratch] = memory.stage(
        logits.byteLength,
        table.byteLength,
        expertsPerToken * 4,
        expertsPerToken * 4,
        wasm.routeScratchBytes(expertCount),
      ) as [number, number, number, number, number];
      memory.write(input, logits);
      memory.write(slots, table);
      wasm.routeResident(
        input,
        expertCount,
        expertsPerToken,
        SCORES.indexOf(spec.score),
        0,
        groups?.count ?? 0,
        groups?.kept ?? 0,
        groups ? GROUP_SCORES.indexOf(groups.score) : 0,
        WEIGHTS.indexOf(spec.weights),
        spec.scale,
        slots,
        cacheMargin,
        ON_MISS.indexOf(onMiss),
        ids,
        weights,
        scratch,
      );
      return { ids: memory.u32(ids, expertsPerToken), weights: memory.f32(weights, expertsPerToken) };
    },
    groupByExpert(ids, expertCount) {
      const [input, experts, offsets, entries, cursors] = memory.stage(
        ids.byteLength,
        expertCount * 4,
        expertCount * 4 + 4,
        ids.byteLength,
        expertCount * 4,
      ) as [number, number, number, number, number];
      memory.write(input, ids);
      const distinct = wasm.groupByExpert(input, ids.length, expertCount, experts, offsets, entries, cursors);
      if (distinct < 0) {
        const entry = -1 - distinct;
        throw new WebMoEError(
          "invalid-argument",
          `Entry ${entry} names expert ${ids[entry]} of ${expertCount}.`,
        );
      }
      return {
        experts: memory.u32(experts, distinct),
        offsets: memory.u32(offsets, distinct + 1),
        entries: memory.u32(entries, ids.length),
      };
    },
    slots: slotTables(wasm, memory),
    prediction: predictionTables(wasm, memory),
    sample(logits, params) {
      if (logits.length === 0)
        throw new WebMoEError("invalid-argument", "There are no logits to sample from.");
      const { penalized } = params;
      const [input, penalties, scratch] = memory.stage(
        logits.byteLength,
        penalized.byteLength,
        wasm.sampleScratchBytes(logits.length),
      ) as [number, number, number];
      memory.write(input, logits);
      memory.write(penalties, penalized);
      return (
        wasm.sample(
          input,
          logits.length,
          penalties,
          penalized.length,
          params.repeatPenalty,
          params.topK,
          params.topP,
          params.minP,
          params.temperature,
          params.random,
          scratch,
        ) >>> 0
      );
    },
  };
}
