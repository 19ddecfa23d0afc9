import { WebMoEError } from "../api/errors.ts";
import type { BpeTables, Core, SpmTables } from "./core.ts";
import type { CoreExports, CoreMemory } from "./core-memory.ts";

const NONE = 0xffffffff;

/** Bounds are checked here: core.wasm itself trusts its tables. */
function check(holds: boolean): void {
  if (holds) return;
  throw new WebMoEError(
    "invalid-argument",
    "The vocabulary's tables name tokens or bytes that they do not hold.",
  );
}

function holdsTokens({ tokenBytes, tokenOffsets, byteTokens }: BpeTables | SpmTables): boolean {
  const vocabSize = tokenOffsets.length - 1;
  return (
    vocabSize >= 1 &&
    tokenOffsets[vocabSize] === tokenBytes.length &&
    byteTokens.length === 256 &&
    byteTokens.every((id) => id < vocabSize || id === NONE)
  );
}

function checkLoaded(loaded: number, vocabSize: number): void {
  if (loaded) return;
  throw new WebMoEError("out-of-memory", `No memory for a vocabulary of ${vocabSize} tokens.`);
}

function loadBpe(wasm: CoreExports, memory: CoreMemory, tables: BpeTables): void {
  const vocabSize = tables.tokenOffsets.length - 1;
  const idCount = vocabSize + tables.extraOffsets.length - 1;
  check(
    holdsTokens(tables) &&
      tables.extraOffsets.length >= 1 &&
      tables.extraOffsets[idCount - vocabSize] === tables.extraBytes.length &&
      tables.merges.length % 3 === 0 &&
      tables.merges.every((id) => id < idCount),
  );
  const loaded = wasm.bpeLoad(
    vocabSize,
    memory.keep(tables.tokenBytes),
    memory.keep(tables.tokenOffsets),
    tables.merges.length / 3,
    memory.keep(tables.merges),
    idCount - vocabSize,
    memory.keep(tables.extraBytes),
    memory.keep(tables.extraOffsets),
    memory.keep(tables.byteTokens),
    tables.ignoreMerges ? 1 : 0,
  );
  checkLoaded(loaded, vocabSize);
}

function loadSpm(wasm: CoreExports, memory: CoreMemory, tables: SpmTables): void {
  const vocabSize = tables.tokenOffsets.length - 1;
  check(
    holdsTokens(tables) &&
      tables.scores.length === vocabSize &&
      !tables.scores.some(Number.isNaN) &&
      (tables.unknownId === undefined || tables.unknownId < vocabSize),
  );
  const loaded = wasm.spmLoad(
    vocabSize,
    memory.keep(tables.tokenBytes),
    memory.keep(tables.tokenOffsets),
    memory.keep(tables.scores),
    memory.keep(tables.byteTokens),
    tables.unknownId ?? NONE,
  );
  checkLoaded(loaded, vocabSize);
}

/** The vocabulary inside core.wasm. */
export function coreTokenizer(
  wasm: CoreExports,
  memory: CoreMemory,
): Pick<Core, "loadBpe" | "loadSpm" | "encodeWord"> {
  let encode: CoreExports["bpeEncode"] | undefined;
  return {
    loadBpe(tables) {
      encode = undefined;
      loadBpe(wasm, memory, tables);
      encode = wasm.bpeEncode;
    },
    loadSpm(tables) {
      encode = undefined;
      loadSpm(wasm, memory, tables);
      encode = wasm.spmEncode;
    },
    encodeWord(word) {
      if (!encode) {
        throw new WebMoEError("invalid-argument", "No vocabulary is loaded: call loadBpe or loadSpm first.");
      }
      const [address, out, scratch] = memory.stage(
        word.length,
        word.length * 4,
        wasm.chainScratchBytes(word.length),
      ) as [number, number, number];
      memory.write(address, word);
      return memory.u32(out, encode(address, word.length, out, scratch));
    },
  };
}
