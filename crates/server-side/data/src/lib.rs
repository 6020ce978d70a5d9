#![doc = include_str!("../README.md")]

#[macro_use(println)]
extern crate letsbe_types;

pub mod backup;
pub mod proof;
pub mod restore;

/// Where work on data can be killed by a test, by the name of the work.
#[cfg(debug_assertions)]
#[must_use]
pub fn crash_points() -> [(&'static str, Vec<letsbe_types::crash::Point>); 4] {
    [
        ("backup", backup::points::ALL.to_vec()),
        ("proof", proof::points::ALL.to_vec()),
        ("restore", restore::points::all()),
        ("restore.copy", restore::points::copy::ALL.to_vec()),
    ]
}
