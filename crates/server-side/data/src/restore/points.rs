//! Where a restore can be killed by a test.

#[cfg(debug_assertions)]
use super::work::Restore;

letsbe_types::crash_points! {
    /// A restore of one tool, in the order in which it comes to them; the last one when a later call clears away what
    /// a killed one has left.
    pub(super) mod inside {
        BEGUN = "restore.begun",
        SANDBOX_RECORDED = "restore.stage.recorded",
        SANDBOX_MADE = "restore.stage.made",
        DATABASES_STARTED = "restore.stage.databases_started",
        DATABASE_LOADED = "restore.stage.database_loaded",
        FILES_WRITTEN = "restore.stage.files_written",
        COMPARED = "restore.stage.compared",
        EXCHANGING = "restore.exchange.inside",
        STARTING = "restore.start.inside",
        FINISHING = "restore.finish.inside",
        SANDBOX_REMOVING = "restore.stage.removing",
    }
}

letsbe_types::crash_points! {
    /// A copy that is made to be looked into, after the points of its sandbox.
    pub(crate) mod copy {
        BUILT = "restore.temp.built",
        KEPT = "restore.temp.kept",
        SANDBOX_STARTED = "restore.stage.started",
        STARTED = "restore.temp.started",
    }
}

/// All of a restore.
#[cfg(debug_assertions)]
pub(crate) fn all() -> Vec<letsbe_types::crash::Point> {
    inside::ALL.into_iter().chain(letsbe_base::saga::points::<Restore<'_>>()).collect()
}
