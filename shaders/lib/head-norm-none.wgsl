fn normalize_head(row: u32, head_index: u32, index: u32) {
}
