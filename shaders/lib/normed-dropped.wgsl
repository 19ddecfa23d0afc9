// Nobody else reads the norm.
fn keep_input(first: u32, factor: f32, index: u32) {}
