//! Where a rotation can be killed by a test: before and after each action is recorded, and inside those that have
//! several parts.

use letsbe_types::crash::Point;
use letsbe_vault::rotation::Action;

letsbe_types::crash_points! {
    /// Beside the boundaries of the actions.
    pub(super) mod inside {
        BEGUN = "rotation.begun",
        CHANGING_DATABASE = "rotation.change_database.inside",
        PROVING = "rotation.prove.inside",
        TURNED_BACK = "rotation.turned_back",
    }
}

/// An action is done, and not recorded yet.
pub(super) fn done(action: Action) -> Point {
    Point::of_family(format!("rotation.{}.done", action.name()))
}

/// An action is recorded. After the last one there is no journal any more.
pub(super) fn recorded(action: Action) -> Point {
    Point::of_family(format!("rotation.{}.recorded", action.name()))
}

/// All of them. To make a tool anew is the work of two operations, which can be killed inside.
#[cfg(debug_assertions)]
pub(crate) fn all() -> Vec<Point> {
    let operations = ["stacks.rendered", "stacks.running"].map(letsbe_host::engine::inside);
    let recorded = Action::all().filter(|action| !action.is_last()).map(recorded);
    inside::ALL.into_iter().chain(operations).chain(Action::all().map(done)).chain(recorded).collect()
}
