//! What a tenant's server does with its tools' data: backups, their copies outside, restores, and proofs that a backup
//! can be restored.
//!
//! It must never report a success that it did not read back, nor throw away what a tool had before a restore is whole.

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
