import { best, f32At, rate, scoreOf, selectionOf, setF32, take, takenOf, weigh } from "./topk";

/**
 * Inexact routing, for who asked for it: picks whose experts are not on the device give way to experts that are.
 * The arguments are those of `route` for one row; `slots` [experts] u32 is the layer's slot table.
 */

const ABSENT: u32 = 0xffffffff;

/** The codes that src/wasm/core-instance.ts knows. */
const SUBSTITUTE: u32 = 1;
const SKIP: u32 = 2;

/**
 * Each absent pick, best first, is replaced by the best expert on the device that is not picked: whatever its score
 * where `onMiss` is SUBSTITUTE, else only if its selection score is at most `margin` · |the pick's| below the pick's.
 * What is not replaced is left out (id ABSENT, weight 0) where `onMiss` is SKIP, else stays, to be waited for; the
 * best pick stays too where all would be left out. Weights follow the router's rule over what is left.
 */
export function routeResident(
  logits: usize,
  experts: u32,
  k: u32,
  scoreKind: u32,
  bias: usize,
  groupCount: u32,
  groupKept: u32,
  groupScore: u32,
  weightKind: u32,
  scale: f32,
  slots: usize,
  margin: f32,
  onMiss: u32,
  ids: usize,
  weights: usize,
  scratch: usize,
): void {
  rate(logits, experts, scoreKind, bias, groupCount, groupKept, groupScore, scratch);
  for (let rank: u32 = 0; rank < k; rank++) store<u32>(ids + ((rank as usize) << 2), take(experts, scratch));
  const first = load<u32>(ids);
  // From here on the absent are out of reach, whoever picked them.
  const taken = takenOf(experts, scratch);
  for (let expert: u32 = 0; expert < experts; expert++) {
    if (load<u32>(slots + ((expert as usize) << 2)) == ABSENT) store<u8>(taken + (expert as usize), 1);
  }
  const selection = selectionOf(experts, scratch);
  let left: u32 = 0;
  for (let rank: u32 = 0; rank < k; rank++) {
    const at = ids + ((rank as usize) << 2);
    const pick = load<u32>(at);
    let chosen = pick;
    if (load<u32>(slots + ((pick as usize) << 2)) == ABSENT) {
      const other = best(selection, taken, experts);
      const wanted = f32At(selection, pick);
      if (
        other < experts &&
        (onMiss == SUBSTITUTE || f32At(selection, other) >= wanted - margin * abs(wanted))
      ) {
        chosen = other;
        store<u8>(taken + (other as usize), 1);
      } else if (onMiss == SKIP) {
        chosen = ABSENT;
      }
    }
    store<u32>(at, chosen);
    if (chosen != ABSENT) setF32(weights, left++, scoreOf(chosen, scratch));
  }
  if (left == 0) {
    store<u32>(ids, first);
    setF32(weights, left++, scoreOf(first, scratch));
  }
  weigh(weights, left, weightKind, scale);
  // Apart again, from the last on: what was left out weighs nothing.
  for (let rank = k; rank-- > 0; ) {
    const isLeft = load<u32>(ids + ((rank as usize) << 2)) != ABSENT;
    setF32(weights, rank, isLeft ? f32At(weights, --left) : 0);
  }
}
