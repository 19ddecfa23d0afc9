// Prefill: a work item is an expert with up to TILE_ROWS of its entries (row · EXPERTS_PER_TOKEN + rank).
@group(0) @binding(4) var<storage, read> items: array<vec4<u32>>; // [items] slot, first entry, entry count, 0
@group(0) @binding(5) var<storage, read> entries: array<u32>; // [rows · EXPERTS_PER_TOKEN]

fn work_slot(item: u32) -> u32 {
  return items[item].x;
}

fn work_count(item: u32) -> u32 {
  return items[item].z;
}

fn work_entry(item: u32, t: u32) -> u32 {
  return entries[items[item].y + t];
}
