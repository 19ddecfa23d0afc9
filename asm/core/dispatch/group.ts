/**
 * A counting sort of routing decisions by expert: dropless, entries ascending inside an expert.
 *
 * `ids` [count] u32, `experts` [expertCount] u32, `offsets` [expertCount + 1] u32, `entries` [count] u32,
 * `cursors` [expertCount] u32 scratch. Returns how many distinct experts there are, or -1 - i if ids[i] is not
 * an expert.
 */
export function groupByExpert(
  ids: usize,
  count: u32,
  expertCount: u32,
  experts: usize,
  offsets: usize,
  entries: usize,
  cursors: usize,
): i32 {
  memory.fill(cursors, 0, (expertCount as usize) << 2);
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + ((i as usize) << 2));
    if (id >= expertCount) return -1 - (i as i32);
    const cursor = cursors + ((id as usize) << 2);
    store<u32>(cursor, load<u32>(cursor) + 1);
  }
  let distinct: u32 = 0;
  let offset: u32 = 0;
  for (let expert: u32 = 0; expert < expertCount; expert++) {
    const cursor = cursors + ((expert as usize) << 2);
    const size = load<u32>(cursor);
    store<u32>(cursor, offset);
    if (size == 0) continue;
    store<u32>(experts + ((distinct as usize) << 2), expert);
    store<u32>(offsets + ((distinct as usize) << 2), offset);
    offset += size;
    distinct++;
  }
  store<u32>(offsets + ((distinct as usize) << 2), offset);
  for (let i: u32 = 0; i < count; i++) {
    const cursor = cursors + ((load<u32>(ids + ((i as usize) << 2)) as usize) << 2);
    const at = load<u32>(cursor);
    store<u32>(entries + ((at as usize) << 2), i);
    store<u32>(cursor, at + 1);
  }
  return distinct as i32;
}
