// All positions in one chunk: a batch has rows enough to share out.
fn chunk_start(chunk: u32) -> u32 {
  return 0u;
}

fn chunk_end(chunk: u32, length: u32) -> u32 {
  return length;
}

fn finish(head_index: u32, chunk: u32, length: u32, dim: u32, mixed: f32, softmax: vec2<f32>) {
  out[head_index * HEAD_DIM + dim] = mixed / softmax.y;
}
