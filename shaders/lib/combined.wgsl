// residual + OUT_SCALE · (Σ_rank weight · expert row [+ shared]), ranks ascending; an expert that was skipped adds
// nothing.
const ABSENT: u32 = 0xffffffffu;

@group(0) @binding(1) var<storage, read> expert_rows: array<vec4<f32>>; // [rows · EXPERTS_PER_TOKEN, WIDTH / 4]
@group(0) @binding(3) var<storage, read> residual: array<vec4<f32>>; // [rows, WIDTH / 4]
@group(0) @binding(4) var<storage, read> selection: array<vec4<u32>>; // [rows, EXPERTS_PER_TOKEN] id, weight bits, slot, 0

fn combined(row: u32, i: u32) -> vec4<f32> {
  let vectors = WIDTH / 4u;
  var sum = vec4<f32>();
  for (var rank = 0u; rank < EXPERTS_PER_TOKEN; rank++) {
    let entry = row * EXPERTS_PER_TOKEN + rank;
    if (selection[entry].z != ABSENT) {
      sum += bitcast<f32>(selection[entry].y) * expert_rows[entry * vectors + i];
    }
  }
  let at = row * vectors + i;
  return residual[at] + OUT_SCALE * with_shared(at, sum);
}
