//! letsbe-node
fn main() {}
