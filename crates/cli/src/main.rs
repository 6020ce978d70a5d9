//! letsbe-cli
fn main() {}
