// What later kernels read of the norm.
@group(0) @binding(5) var<storage, read_write> normed: array<vec4<f32>>; // [cols / 4]

fn keep_input(first: u32, factor: f32, index: u32) {
  for (var i = index; i < ROW_VECTORS; i += WORKGROUP_SIZE) {
    normed[i] = x[first + i] * factor * norm[i];
  }
}
