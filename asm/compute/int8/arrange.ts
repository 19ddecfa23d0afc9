// The order in which matrices of the K encodings lie in memory where activations are int8. What interleave.ts does to
// the codes of a unit is done to the nibbles and bits that they are packed in, once, when rows arrive: vector i of a unit
// then has elements 4i to 4i + 3 of each of its four groups, and the sums of a unit fall into their lanes by themselves.
//
// Scales stay where they are. Done twice, everything is where it was.
import { highNibbles, lowNibbles } from "../quant/bytes";
import * as T from "../quant/types";
import { SUPER_BLOCK } from "../quant/types";
import { highJoin, highPair, lowJoin, lowPair } from "./interleave";

// Whether matrices of a type are arranged.
export function isArranged(type: u32): bool {
  return type == T.Q4_K || type == T.Q5_K || type == T.Q6_K;
}

// Arranges `rows` consecutive rows of `cols` columns in place, whose first two planes are at a and b; leaves types alone
// that are not arranged.
export function arrangeRows(type: u32, a: usize, b: usize, cols: usize, rows: usize): void {
  for (let blocks = isArranged(type) ? (cols / SUPER_BLOCK) * rows : 0; blocks > 0; blocks--) {
    if (type == T.Q6_K) {
      arrangeSix(a, b);
      arrangeSix(a + 64, b + 32);
      b += 64;
    } else {
      arrangeNibbles(a, a + 32);
      arrangeNibbles(a + 16, a + 48);
      arrangeNibbles(a + 64, a + 96);
      arrangeNibbles(a + 80, a + 112);
      if (type == T.Q5_K) {
        arrangeBits(b);
        arrangeBits(b + 16);
        b += 32;
      }
    }
    a += 128;
  }
}

// Q4_K and Q5_K: halves of four groups, two in the nibbles of each vector.
function arrangeNibbles(first: usize, second: usize): void {
  const a = v128.load(first);
  const c = v128.load(second);
  const low = lowPair(lowNibbles(a), highNibbles(a));
  const high = highPair(lowNibbles(a), highNibbles(a));
  const lastLow = lowPair(lowNibbles(c), highNibbles(c));
  const lastHigh = highPair(lowNibbles(c), highNibbles(c));
  v128.store(first, v128.or(lowJoin(low, lastLow), i16x8.shl(highJoin(low, lastLow), 4)));
  v128.store(second, v128.or(lowJoin(high, lastHigh), i16x8.shl(highJoin(high, lastHigh), 4)));
}

// Q5_K: the fifth bits of halves of eight groups, bit g of a byte that of group g; two units at a time.
function arrangeBits(bits: usize): void {
  const bytes = v128.load(bits);
  const ones = i8x16.splat(17);
  const a = v128.and(bytes, ones);
  const b = v128.and(i16x8.shr_u(bytes, 1), ones);
  const c = v128.and(i16x8.shr_u(bytes, 2), ones);
  const d = v128.and(i16x8.shr_u(bytes, 3), ones);
  const first = v128.or(
    lowJoin(lowPair(a, b), lowPair(c, d)),
    i16x8.shl(highJoin(lowPair(a, b), lowPair(c, d)), 1),
  );
  const last = v128.or(
    lowJoin(highPair(a, b), highPair(c, d)),
    i16x8.shl(highJoin(highPair(a, b), highPair(c, d)), 1),
  );
  v128.store(bits, v128.or(first, i16x8.shl(last, 2)));
}

// Q6_K: the groups of a unit in the low nibbles of four vectors, those of the next in the high ones; their high pairs
// of bits in two.
function arrangeSix(ql: usize, qh: usize): void {
  const low = lowPair(v128.load(ql), v128.load(ql, 16));
  const high = highPair(v128.load(ql), v128.load(ql, 16));
  const lastLow = lowPair(v128.load(ql, 32), v128.load(ql, 48));
  const lastHigh = highPair(v128.load(ql, 32), v128.load(ql, 48));
  v128.store(ql, lowJoin(low, lastLow));
  v128.store(ql, highJoin(low, lastLow), 16);
  v128.store(ql, lowJoin(high, lastHigh), 32);
  v128.store(ql, highJoin(high, lastHigh), 48);

  const first = v128.load(qh);
  const second = v128.load(qh, 16);
  const pairs = i8x16.splat(0x33);
  const a = v128.and(first, pairs);
  const b = v128.and(second, pairs);
  const c = v128.and(i16x8.shr_u(first, 2), pairs);
  const d = v128.and(i16x8.shr_u(second, 2), pairs);
  const third = lowJoin(highPair(a, b), highPair(c, d));
  const fourth = highJoin(highPair(a, b), highPair(c, d));
  v128.store(qh, v128.or(lowJoin(lowPair(a, b), lowPair(c, d)), i16x8.shl(third, 2)));
  v128.store(qh, v128.or(highJoin(lowPair(a, b), lowPair(c, d)), i16x8.shl(fourth, 2)), 16);
}
