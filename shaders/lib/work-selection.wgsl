// Decode: a work item is a rank of the one row, its slot as the router (or the CPU in its place) left it.
@group(0) @binding(4) var<storage, read> selection: array<vec4<u32>>; // [EXPERTS_PER_TOKEN] id, weight bits, slot, 0

fn work_slot(item: u32) -> u32 {
  return selection[item].z;
}

fn work_entry(item: u32, t: u32) -> u32 {
  return item;
}
