// x as it is.
const INPUT_VALUES: u32 = 0u;

fn weighed(at: u32, value: vec4<f32>) -> vec4<f32> {
  return value;
}

fn input_factor(sum: f32) -> f32 {
  return 1.0;
}

fn keep_input(first: u32, factor: f32, index: u32) {}
