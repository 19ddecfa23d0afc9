// Are invocations numbered along subgroups? Bit i of out[lane] is set if the shuffle by 2^i met lane ^ 2^i.
@group(0) @binding(2) var<storage, read_write> out: array<u32>; // [WORKGROUP_SIZE]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) index: u32) {
  var met = 0u;
  for (var stride = 1u; stride < SUBGROUP_LANES; stride *= 2u) {
    met |= select(0u, stride, subgroupShuffleXor(index, stride) == (index ^ stride));
  }
  out[index] = met;
}
