// Reads the whole buffer once, 16 bytes an invocation and step: what the adapter can read.
@group(0) @binding(0) var<storage, read> words: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  var sum = vec4<u32>(0u);
  for (var i = id.x; i < arrayLength(&words); i += groups.x * 256u) {
    sum += words[i];
  }
  // Always false, but no compiler knows.
  if (sum.x + sum.y + sum.z + sum.w == 1u) {
    out[0] = sum.x;
  }
}
