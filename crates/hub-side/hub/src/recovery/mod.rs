//! A lost server and what takes its place (runbook 5.2): where its data come from, how far it is, what it waits for.
//!
//! It must never hold a key that opens a backup: what passes through is sealed for the new server, and looked at only
//! so far as to refuse what is not.

pub(crate) mod plan;
pub(crate) mod sealed;
pub(crate) mod source;
pub(crate) mod view;

letsbe_types::crash_points! {
    /// Where the Hub can be killed while a recovery is asked for; the operator asks again.
    pub mod points {
        SOURCE_KEPT = "recovery.source.kept",
        REQUESTED = "recovery.requested",
        KEYS_KEPT = "recovery.keys.kept",
    }
}
