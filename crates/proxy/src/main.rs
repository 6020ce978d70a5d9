//! letsbe-proxy
fn main() {}
