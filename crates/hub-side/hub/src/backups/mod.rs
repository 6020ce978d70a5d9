//! Tenants' copies outside: the account at which each tenant has a bucket, what is there as seen from outside, how a
//! tenant's backups are, drills; and the Hub's own backup.
//!
//! It must never read what is in a backup, or use a tenant's key for anything but showing that it can remove nothing.

mod alarms;
pub mod drills;
pub(crate) mod given;
pub mod own;
mod restic;
pub(crate) mod state;
pub mod storage;
pub mod watch;
