// Blocks of 256 three-bit values, offset by 4, and one f16 scale, which a six-bit scale of 16 elements, less 32,
// multiplies. A span is 8 bytes of the low two bits, so half of the elements of four groups; bit 4n + j of byte l of
// the mask is the third bit of element 128n + 32j + l.
fn scaled(word: u32, mask: u32, n: u32, j: u32, d: f32) -> vec4<f32> {
  let q = byte_bits(word, 2u * j, 3u) | (byte_bits(mask, 4u * n + j, 1u) << vec4<u32>(2u));
  return d * (vec4<f32>(q) - 4.0);
}

// Group 8n + 4k + i: low bits in nibble n of byte 4k + i, high ones in bits 2(2n + k) of byte 8 + i.
fn group_scale(low: u32, high: u32, n: u32, k: u32, i: u32) -> f32 {
  let shift = 8u * i + 4u * n;
  return f32(((low >> shift) & 15u) | (((high >> (shift + 2u * k)) & 3u) << 4u)) - 32.0;
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = vec2<u32>(
    load_word(row.piece, row.planes.x + 8u * span),
    load_word(row.piece, row.planes.x + 8u * span + 4u),
  );
  let block = span / 8u;
  let n = span % 8u / 4u;
  let mask = row.planes.y + 32u * block + 8u * (span % 4u);
  let masks = vec2<u32>(load_word(row.piece, mask), load_word(row.piece, mask + 4u));
  let scales = row.planes.z + 12u * block;
  let first = load_word(row.piece, scales);
  let second = load_word(row.piece, scales + 4u);
  let high = load_word(row.piece, scales + 8u);
  let unit = load_half(row.piece, row.planes.w + 2u * block);
  // Groups 8n + 2j + i of the block.
  let i = span % 4u / 2u;
  let a = unit * group_scale(first, high, n, 0u, i);
  let b = unit * group_scale(first, high, n, 0u, i + 2u);
  let c = unit * group_scale(second, high, n, 1u, i);
  let d = unit * group_scale(second, high, n, 1u, i + 2u);
  return Span(
    scaled(words.x, masks.x, n, 0u, a), scaled(words.y, masks.y, n, 0u, a),
    scaled(words.x, masks.x, n, 1u, b), scaled(words.y, masks.y, n, 1u, b),
    scaled(words.x, masks.x, n, 2u, c), scaled(words.y, masks.y, n, 2u, c),
    scaled(words.x, masks.x, n, 3u, d), scaled(words.y, masks.y, n, 3u, d),
  );
}
