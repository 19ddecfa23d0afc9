// What changes from one pass to the next.
struct Batch {
  rows: u32,
  // Of the first row, in the context.
  position: u32,
}

@group(0) @binding(0) var<uniform> batch: Batch;
