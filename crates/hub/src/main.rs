//! letsbe-hub
fn main() {}
