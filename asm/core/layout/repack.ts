/**
 * From blocks as GGUF interleaves them to planes, and the search for numbers that are not finite.
 *
 * ```
 * file    | scale | quants | scale | quants | …
 * packed  | quants | quants | … || scale | scale | …
 * ```
 *
 * What the fields of a block are and where they go is the caller's table (`src/model/quantization.ts`).
 */

/** Blocks that every field is taken from before the next ones are looked at: few enough to stay in the L1 cache. */
const CHUNK: u32 = 64;

/** Bytes of a row of the field table: six u32, in the order of the constants below. */
const FIELD_BYTES: usize = 24;
/** From the start of the block. */
const SOURCE_OFFSET: usize = 0;
const LENGTH: usize = 4;
/** Where the first block's field goes, and how many bytes after it the next block's. */
const TARGET: usize = 8;
const TARGET_STRIDE: usize = 12;
/** Bytes of the field's numbers and the bits that are all set in one that is not finite; 0 if it has none. */
const NUMBER_BYTES: usize = 16;
const EXPONENT_MASK: usize = 20;

/** Copies `length` bytes of each block, widest loads first, one width at a time through all blocks. */
function copyField(
  source: usize,
  sourceStride: usize,
  target: usize,
  targetStride: usize,
  length: usize,
  count: u32,
): void {
  for (let at: usize = 0; at < length; ) {
    let from = source + at;
    let to = target + at;
    const left = length - at;
    if (left >= 32) {
      for (let i: u32 = 0; i < count; i++, from += sourceStride, to += targetStride) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
      }
      at += 32;
    } else if (left >= 16) {
      for (let i: u32 = 0; i < count; i++, from += sourceStride, to += targetStride) {
        v128.store(to, v128.load(from));
      }
      at += 16;
    } else if (left >= 8) {
      for (let i: u32 = 0; i < count; i++, from += sourceStride, to += targetStride) {
        store<u64>(to, load<u64>(from));
      }
      at += 8;
    } else if (left >= 4) {
      for (let i: u32 = 0; i < count; i++, from += sourceStride, to += targetStride) {
        store<u32>(to, load<u32>(from));
      }
      at += 4;
    } else if (left >= 2) {
      for (let i: u32 = 0; i < count; i++, from += sourceStride, to += targetStride) {
        store<u16>(to, load<u16>(from));
      }
      at += 2;
    } else {
      for (let i: u32 = 0; i < count; i++, from += sourceStride, to += targetStride) {
        store<u8>(to, load<u8>(from));
      }
      at += 1;
    }
  }
}

/** Whether the number at `address` is infinite or NaN. */
function isBad(address: usize, numberBytes: u32, mask: u32): bool {
  const bits: u32 =
    numberBytes == 2 ? load<u16>(address) : numberBytes == 1 ? load<u8>(address) : load<u32>(address);
  return (bits & mask) == mask;
}

/** The first of `count` blocks whose field of `length` bytes has a number that is not finite, or `count`. */
function firstBad(field: usize, stride: usize, length: usize, numberBytes: u32, mask: u32, count: u32): u32 {
  for (let i: u32 = 0; i < count; i++, field += stride) {
    for (let at: usize = 0; at < length; at += numberBytes) {
      if (isBad(field + at, numberBytes, mask)) return i;
    }
  }
  return count;
}

/**
 * Repacks `count` blocks of `blockBytes`. Returns the index of the first block with a number that is not finite
 * (what has been written then is of no use), or -1.
 */
export function repackBlocks(
  blocks: usize,
  count: u32,
  blockBytes: usize,
  fields: usize,
  fieldCount: u32,
): i32 {
  const end = fields + fieldCount * FIELD_BYTES;
  for (let start: u32 = 0; start < count; start += CHUNK) {
    const chunk = min(CHUNK, count - start);
    const source = blocks + start * blockBytes;
    let bad = chunk;
    for (let field = fields; field < end; field += FIELD_BYTES) {
      const from = source + load<u32>(field, SOURCE_OFFSET);
      const length: usize = load<u32>(field, LENGTH);
      const stride: usize = load<u32>(field, TARGET_STRIDE);
      copyField(from, blockBytes, load<u32>(field, TARGET) + start * stride, stride, length, chunk);
      const numberBytes = load<u32>(field, NUMBER_BYTES);
      if (numberBytes != 0) {
        const mask = load<u32>(field, EXPONENT_MASK);
        bad = min(bad, firstBad(from, blockBytes, length, numberBytes, mask, chunk));
      }
    }
    if (bad < chunk) return (start + bad) as i32;
  }
  return -1;
}

/** The way back: `count` blocks as they were in the file, from the planes that `repackBlocks` made of them. */
export function unpackBlocks(
  blocks: usize,
  count: u32,
  blockBytes: usize,
  fields: usize,
  fieldCount: u32,
): void {
  const end = fields + fieldCount * FIELD_BYTES;
  for (let start: u32 = 0; start < count; start += CHUNK) {
    const chunk = min(CHUNK, count - start);
    const target = blocks + start * blockBytes;
    for (let field = fields; field < end; field += FIELD_BYTES) {
      const stride: usize = load<u32>(field, TARGET_STRIDE);
      const from: usize = load<u32>(field, TARGET) + start * stride;
      const to = target + load<u32>(field, SOURCE_OFFSET);
      copyField(from, stride, to, blockBytes, load<u32>(field, LENGTH), chunk);
    }
  }
}

/**
 * Plain elements stay as they are: only looked at. Returns the index of the first that is not finite, or -1.
 * `numberBytes` is 2 or 4.
 */
export function checkElements(values: usize, count: u32, numberBytes: u32, mask: u32): i32 {
  const lanes = 16 / numberBytes;
  const wide = numberBytes == 4 ? i32x4.splat(mask) : i16x8.splat(mask as i16);
  let i: u32 = 0;
  for (; i + lanes <= count; i += lanes) {
    const bits = v128.and(v128.load(values + (i as usize) * numberBytes), wide);
    const bad = numberBytes == 4 ? i32x4.eq(bits, wide) : i16x8.eq(bits, wide);
    if (v128.any_true(bad)) break;
  }
  for (; i < count; i++) {
    if (isBad(values + (i as usize) * numberBytes, numberBytes, mask)) return i as i32;
  }
  return -1;
}
