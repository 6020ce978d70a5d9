//! Tenants' backups and the Hub's own as staff sees them, and what staff can do about them.

pub(crate) mod alarms;
pub(crate) mod destination;
pub(crate) mod drills;
pub(crate) mod hub;
pub(crate) mod list;
