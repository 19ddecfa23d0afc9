// Blocks of 256 ternary digits and one f16 scale: 0, 1 and 2 are −d, 0 and d. A byte is five digits of base 3 as a
// fraction of 256, the highest first: digit n of byte m < 32 is element 32n + m, of the next 16 bytes element
// 160 + 16n + m; four more bytes have four digits each, elements 240 + 4n + m. A span is three words of the first 48
// bytes, all digits, and digit `span` of the last four bytes.
fn span_vector(span: u32, v: u32) -> u32 {
  let quarter = span % 4u;
  let word = 3u * quarter + v / 5u;
  let digit = v % 5u;
  let vector = select(8u * digit + word, 32u + 4u * digit + word, word >= 8u);
  return span / 4u * 64u + select(vector, 60u + quarter, v == 15u);
}

// The digit that `power` of 3 brings before the point.
fn digits(word: u32, power: u32, d: f32) -> vec4<f32> {
  let fraction = (byte_bits(word, 0u, 255u) * power) & vec4<u32>(255u);
  return d * (vec4<f32>((fraction * 3u) >> vec4<u32>(8u)) - 1.0);
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let block = span / 4u;
  let quarter = span % 4u;
  let words = row.planes.x + 12u * span;
  let a = load_word(row.piece, words);
  let b = load_word(row.piece, words + 4u);
  let c = load_word(row.piece, words + 8u);
  let last = load_word(row.piece, row.planes.y + 4u * block);
  let power = (1u + 2u * (quarter % 2u)) * (1u + 8u * (quarter / 2u));
  let d = load_half(row.piece, row.planes.z + 2u * block);
  return Span(
    digits(a, 1u, d), digits(a, 3u, d), digits(a, 9u, d),
    digits(a, 27u, d), digits(a, 81u, d), digits(b, 1u, d),
    digits(b, 3u, d), digits(b, 9u, d), digits(b, 27u, d),
    digits(b, 81u, d), digits(c, 1u, d), digits(c, 3u, d),
    digits(c, 9u, d), digits(c, 27u, d), digits(c, 81u, d),
    digits(last, power, d),
  );
}
