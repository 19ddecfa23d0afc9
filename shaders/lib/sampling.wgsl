// What changes from one sampled token to the next.
struct Sampling {
  temperature: f32,
  top_p: f32,
  // log(minP), or the lowest number to keep all.
  min_p_log: f32,
  repeat_penalty: f32,
  // Uniform in [0, 1).
  random: f32,
  // Candidates that top-k keeps, at most KEPT; 1 is greedy.
  kept: u32,
  penalized_count: u32,
}

@group(0) @binding(0) var<uniform> sampling: Sampling;
