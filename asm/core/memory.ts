/**
 * One linear memory, two areas:
 *
 * ```
 * __heap_base        top                        memory.size
 *      | tables of the model |  staging: arguments,  |
 *      |  (bump, never freed)|  scratch, results     |
 * ```
 *
 * Tables live as long as the instance. Staging belongs to one call and starts afresh with the next, so
 * nothing in it may outlive a `reserve`.
 */

const ALIGNMENT: usize = 16;

let top: usize = (__heap_base + (ALIGNMENT - 1)) & ~(ALIGNMENT - 1);

/** Grows memory until `end` is inside; false if the engine refuses. */
export function ensure(end: usize): bool {
  // 64 bits: a full memory is one byte more than a 32-bit address can say.
  const have = (memory.size() as u64) << 16;
  if ((end as u64) <= have) return true;
  const pages = ((((end as u64) - have - 1) >> 16) as usize) + 1;
  // Growing by half as much again, up to 16 MiB, keeps growths rare: each detaches the caller's views.
  const generous = max(pages, min((memory.size() as usize) >>> 1, 256));
  return memory.grow(generous as i32) >= 0 || memory.grow(pages as i32) >= 0;
}

/** The start of staging with `bytes` behind it, 16-byte aligned, or 0 if memory cannot grow. */
export function stage(bytes: usize): usize {
  const end = top + bytes;
  return end >= top && ensure(end) ? top : 0;
}

/** Permanent memory for tables, 16-byte aligned, or 0 if memory cannot grow. */
export function reserve(bytes: usize): usize {
  const start = top;
  const end = start + ((bytes + (ALIGNMENT - 1)) & ~(ALIGNMENT - 1));
  if (end < start || !ensure(end)) return 0;
  top = end;
  return start;
}
