// out = logits, those of the penalised tokens divided (where positive) or multiplied by the penalty.
@group(0) @binding(1) var<storage, read> logits: array<f32>; // [VOCAB_SIZE]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [VOCAB_SIZE]
@group(0) @binding(3) var<storage, read> penalized: array<u32>; // [sampling.penalized_count]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let id = invocation.x;
  if (id >= VOCAB_SIZE) {
    return;
  }
  var logit = logits[id];
  for (var i = 0u; i < sampling.penalized_count; i++) {
    if (penalized[i] == id) {
      logit = select(logit / sampling.repeat_penalty, logit * sampling.repeat_penalty, logit <= 0.0);
    }
  }
  out[id] = logit;
}
