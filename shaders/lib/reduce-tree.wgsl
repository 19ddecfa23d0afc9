// Sums each of VALUES over runs of LANES neighbouring invocations; every lane gets the sums. Lane pairs are added
// in the same order as in reduce-subgroups.wgsl, so the two give the same bits.
var<workgroup> partials: array<f32, WORKGROUP_SIZE * VALUES>;

fn reduce_lanes(values: array<f32, VALUES>, index: u32) -> array<f32, VALUES> {
  var sums = values;
  for (var v = 0u; v < VALUES; v++) {
    partials[v * WORKGROUP_SIZE + index] = sums[v];
  }
  for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (index % LANES < stride) {
      for (var v = 0u; v < VALUES; v++) {
        partials[v * WORKGROUP_SIZE + index] += partials[v * WORKGROUP_SIZE + index + stride];
      }
    }
  }
  workgroupBarrier();
  let first = index - index % LANES;
  for (var v = 0u; v < VALUES; v++) {
    sums[v] = partials[v * WORKGROUP_SIZE + first];
  }
  return sums;
}
