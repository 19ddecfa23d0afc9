/** core.wasm: what must be fast and exact on the CPU. Arguments and results travel through staging (memory.ts). */

export { xxh64 } from "./checksum/xxh64";
export { groupByExpert } from "./dispatch/group";
export { predictionLearn, predictionRate, predictionReset } from "./dispatch/prediction";
export {
  slotsDemand,
  slotsEvict,
  slotsLookup,
  slotsLost,
  slotsObserve,
  slotsPlace,
  slotsReset,
  slotsResize,
  slotsTable,
} from "./dispatch/slots";
export { checkElements, repackBlocks, unpackBlocks } from "./layout/repack";
export { reserve, stage } from "./memory";
export { routeResident } from "./router/resident";
export { route, routeScratchBytes } from "./router/topk";
export { sample, sampleScratchBytes } from "./sampler/sample";
export { bpeEncode, bpeLoad } from "./tokenizer/bpe";
export { chainScratchBytes } from "./tokenizer/chain";
export { spmEncode, spmLoad } from "./tokenizer/spm";
