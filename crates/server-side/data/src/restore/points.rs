//! Where a restore can be killed by a test.

use letsbe_types::crash::Point;

use super::journal::Action;

letsbe_types::crash_points! {
    /// A restore of one tool, in the order in which it comes to them; the last one when a later call clears away what
    /// a killed one has left.
    pub(super) mod inside {
        BEGUN = "restore.begun",
        STAGE_RECORDED = "restore.stage.recorded",
        STAGE_MADE = "restore.stage.made",
        DATABASES_STARTED = "restore.stage.databases_started",
        DATABASE_LOADED = "restore.stage.database_loaded",
        FILES_WRITTEN = "restore.stage.files_written",
        COMPARED = "restore.stage.compared",
        EXCHANGING = "restore.exchange.inside",
        STARTING = "restore.start.inside",
        FINISHING = "restore.finish.inside",
        STAGE_REMOVING = "restore.stage.removing",
    }
}

letsbe_types::crash_points! {
    /// A copy that is made to be looked into, after the points of its stage.
    pub(crate) mod copy {
        BUILT = "restore.temp.built",
        KEPT = "restore.temp.kept",
        STAGE_STARTED = "restore.stage.started",
        STARTED = "restore.temp.started",
    }
}

/// An action is done, and not recorded yet.
pub(super) fn done(action: Action) -> Point {
    Point::of_family(format!("restore.{}.done", action.name()))
}

/// An action is recorded. After the last one there is no journal any more.
pub(super) fn recorded(action: Action) -> Point {
    Point::of_family(format!("restore.{}.recorded", action.name()))
}

/// All of a restore.
#[cfg(debug_assertions)]
pub(crate) fn all() -> Vec<Point> {
    let recorded = Action::ALL.into_iter().filter(|action| *action != Action::Finish).map(recorded);
    inside::ALL.into_iter().chain(Action::ALL.into_iter().map(done)).chain(recorded).collect()
}
