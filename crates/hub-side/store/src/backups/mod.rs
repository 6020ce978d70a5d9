//! Backups as the Hub keeps track of them: where they go, what is there as seen from outside, what was found wrong,
//! and drills. No key of a tenant is ever in here.

pub(crate) mod alarms;
pub(crate) mod destinations;
pub(crate) mod drills;
pub(crate) mod looks;
