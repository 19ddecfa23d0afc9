/**
 * Order among candidates: u64 keys whose upper half falls with the logit and whose lower half is the token id,
 * so that ascending keys are descending logits with ties to the lowest id.
 */

function key(base: usize, i: u32): u64 {
  return load<u64>(base + ((i as usize) << 3));
}

function setKey(base: usize, i: u32, value: u64): void {
  store<u64>(base + ((i as usize) << 3), value);
}

/** Restores the max-heap of `count` keys below `at`, which holds `value`. */
function siftDown(base: usize, at: u32, count: u32, value: u64): void {
  for (;;) {
    let child = at * 2 + 1;
    if (child >= count) break;
    if (child + 1 < count && key(base, child + 1) > key(base, child)) child++;
    if (key(base, child) <= value) break;
    setKey(base, at, key(base, child));
    at = child;
  }
  setKey(base, at, value);
}

/** Moves the `kept` lowest of `count` keys to the front, ascending: O(count + (passing keys) · log kept). */
export function topCandidates(keys: usize, count: u32, kept: u32): void {
  for (let i = (kept as i32) / 2 - 1; i >= 0; i--) siftDown(keys, i as u32, kept, key(keys, i as u32));
  for (let i = kept; i < count; i++) {
    const candidate = key(keys, i);
    if (candidate < key(keys, 0)) siftDown(keys, 0, kept, candidate);
  }
  for (let end = kept - 1; end > 0; end--) {
    const last = key(keys, end);
    setKey(keys, end, key(keys, 0));
    siftDown(keys, 0, end, last);
  }
}

const DIGIT_BITS: u32 = 8;
const RADIX: u32 = 256;
const counts: usize = memory.data(1024);

/**
 * Sorts all keys. A least-significant-digit radix sort of the upper halves: stable, and the keys come in
 * ascending order of id. Four passes, so that the result is back in `keys`; `other` is scratch of equal size.
 */
export function sortCandidates(keys: usize, count: u32, other: usize): void {
  let from = keys;
  let to = other;
  for (let shift: u32 = 32; shift < 64; shift += DIGIT_BITS) {
    memory.fill(counts, 0, (RADIX as usize) << 2);
    for (let i: u32 = 0; i < count; i++) {
      const at = counts + ((((key(from, i) >> (shift as u64)) as u32) & (RADIX - 1)) << 2);
      store<u32>(at, load<u32>(at) + 1);
    }
    let next: u32 = 0;
    for (let digit: u32 = 0; digit < RADIX; digit++) {
      const at = counts + (digit << 2);
      const size = load<u32>(at);
      store<u32>(at, next);
      next += size;
    }
    for (let i: u32 = 0; i < count; i++) {
      const value = key(from, i);
      const at = counts + ((((value >> (shift as u64)) as u32) & (RADIX - 1)) << 2);
      const place = load<u32>(at);
      setKey(to, place, value);
      store<u32>(at, place + 1);
    }
    const swap = from;
    from = to;
    to = swap;
  }
}
