// CHUNK positions to a workgroup, which attention-merge.wgsl puts together; one row has too few heads to fill a GPU.
@group(0) @binding(8) var<storage, read_write> chunks: array<f32>; // [chunks, HEAD_COUNT, HEAD_DIM + 2] mixture times its sum, highest score, sum

fn chunk_start(chunk: u32) -> u32 {
  return chunk * CHUNK;
}

fn chunk_end(chunk: u32, length: u32) -> u32 {
  return min(length, (chunk + 1u) * CHUNK);
}

fn finish(head_index: u32, chunk: u32, length: u32, dim: u32, mixed: f32, softmax: vec2<f32>) {
  if (length <= CHUNK) {
    out[head_index * HEAD_DIM + dim] = mixed / softmax.y;
    return;
  }
  let at = (chunk * HEAD_COUNT + head_index) * (HEAD_DIM + 2u);
  chunks[at + dim] = mixed;
  if (dim == 0u) {
    chunks[at + HEAD_DIM] = softmax.x;
    chunks[at + HEAD_DIM + 1u] = softmax.y;
  }
}
