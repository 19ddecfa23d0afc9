// reduce-tree.wgsl by shuffles: strides that stay inside SUBGROUP_LANES (the smallest subgroup the adapter makes)
// need no workgroup memory. Chosen only where a probe found invocations to be numbered along subgroups.
var<workgroup> partials: array<f32, WORKGROUP_SIZE * VALUES>;

fn reduce_lanes(values: array<f32, VALUES>, index: u32) -> array<f32, VALUES> {
  var sums = values;
  for (var stride = LANES / 2u; stride >= SUBGROUP_LANES; stride /= 2u) {
    for (var v = 0u; v < VALUES; v++) {
      partials[v * WORKGROUP_SIZE + index] = sums[v];
    }
    workgroupBarrier();
    for (var v = 0u; v < VALUES; v++) {
      sums[v] += partials[v * WORKGROUP_SIZE + (index ^ stride)];
    }
    workgroupBarrier();
  }
  for (var stride = min(LANES, SUBGROUP_LANES) / 2u; stride > 0u; stride /= 2u) {
    for (var v = 0u; v < VALUES; v++) {
      sums[v] += subgroupShuffleXor(sums[v], stride);
    }
  }
  return sums;
}
