/** Bytes of one file. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** A request and the ranges it brings; `length` includes the gaps between them. */
export interface RangeGroup<T extends ByteRange> extends ByteRange {
  readonly members: readonly T[];
}

/**
 * Bytes that cost less to fetch along than a request of their own: the padding between tensors. A larger gap may hold
 * parts that are stored already or asked for next, and would bring them twice.
 */
export const MAX_GAP_BYTES = 4 * 1024;

/** Larger requests would hold too much memory at a time and lose too much when they break. */
export const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

/** Merges neighbouring and overlapping ranges of one file into requests, by ascending offset. */
export function coalesce<T extends ByteRange>(ranges: readonly T[]): RangeGroup<T>[] {
  const groups: { offset: number; length: number; members: T[] }[] = [];
  for (const range of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const group = groups.at(-1);
    if (group) {
      const length = Math.max(group.length, range.offset + range.length - group.offset);
      const gap = range.offset - (group.offset + group.length);
      if (gap <= MAX_GAP_BYTES && length <= MAX_REQUEST_BYTES) {
        group.length = length;
        group.members.push(range);
        continue;
      }
    }
    groups.push({ offset: range.offset, length: range.length, members: [range] });
  }
  return groups;
}
