// out = silu(first half of x) ⊙ second half of x: the hidden layer of a dense or shared gated FFN.
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, 2 WIDTH]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, WIDTH]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let unit = invocation.x;
  let row = invocation.y;
  if (unit < WIDTH) {
    let gate = x[row * 2u * WIDTH + unit];
    out[row * WIDTH + unit] = silu(gate) * x[row * 2u * WIDTH + WIDTH + unit];
  }
}
