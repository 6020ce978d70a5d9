//! letsbe-lab
fn main() {}
