//! Where a rotation can be killed by a test, beside the boundaries of its actions: inside those that have
//! several parts.

#[cfg(debug_assertions)]
use super::actions::Rotation;

letsbe_types::crash_points! {
    /// Beside the boundaries of the actions.
    pub(super) mod inside {
        BEGUN = "rotation.begun",
        CHANGING_DATABASE = "rotation.change_database.inside",
        PROVING = "rotation.prove.inside",
        TURNED_BACK = "rotation.turned_back",
    }
}

/// All of them. To make a tool anew is the work of two operations, which can be killed inside.
#[cfg(debug_assertions)]
pub(crate) fn all() -> Vec<letsbe_types::crash::Point> {
    let operations = ["stacks.rendered", "stacks.running"].map(letsbe_host::engine::inside);
    inside::ALL.into_iter().chain(operations).chain(letsbe_base::saga::points::<Rotation<'_>>()).collect()
}
