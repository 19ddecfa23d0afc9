fn normalize_head(head_index: u32, index: u32) {
}
