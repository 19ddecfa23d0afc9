// CHUNK positions to a workgroup, which attention-merge.wgsl puts together; one row has too few heads to fill a GPU.
@group(0) @binding(3) var<storage, read_write> mixtures: array<f32>; // [chunks, HEAD_COUNT, HEAD_DIM] times their sums
@group(0) @binding(4) var<storage, read_write> softmaxes: array<vec2<f32>>; // [chunks, HEAD_COUNT] highest score, sum

fn chunk_start(chunk: u32) -> u32 {
  return chunk * CHUNK;
}

fn chunk_end(chunk: u32, length: u32) -> u32 {
  return min(length, (chunk + 1u) * CHUNK);
}

fn finish(head: u32, chunk: u32, length: u32, dim: u32, mixed: f32, softmax: vec2<f32>) {
  if (length <= CHUNK) {
    out[head * HEAD_DIM + dim] = mixed / softmax.y;
    return;
  }
  let at = chunk * HEAD_COUNT + head;
  mixtures[at * HEAD_DIM + dim] = mixed;
  if (dim == 0u) {
    softmaxes[at] = softmax;
  }
}
