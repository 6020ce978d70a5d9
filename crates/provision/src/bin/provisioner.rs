//! The provisioner program.
fn main() {}
