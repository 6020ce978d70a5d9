//! `letsbe-node crash-points`: where this program can be killed, for the tests that kill it.
//!
//! Every list stands beside the code that dies there; one that nobody has put in here, or in the list of its own crate,
//! is unused code to the compiler.

use std::collections::BTreeMap;

use letsbe_types::crash::Point;

use crate::{openclaw, run, vault};

/// Prints the names of the points of each piece of work, as JSON.
pub(crate) fn print() {
    let names: BTreeMap<&str, Vec<String>> = lists()
        .into_iter()
        .map(|(work, points)| (work, points.iter().map(ToString::to_string).collect()))
        .collect();
    println!("{}", serde_json::json!(names));
}

fn lists() -> Vec<(&'static str, Vec<Point>)> {
    let own = [
        ("openclaw.undo", openclaw::update::undo_points::ALL.to_vec()),
        ("openclaw.update", openclaw::update::points::ALL.to_vec()),
        ("recovery", run::recover::points::ALL.to_vec()),
        ("vault.seed", vault::seed::points::ALL.to_vec()),
    ];
    let of_crates = letsbe_agent::crash_points().into_iter().chain(letsbe_data::crash_points());
    of_crates.chain(letsbe_rotation::crash_points()).chain(own).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::lists;

    #[test]
    fn every_crash_point_of_the_node_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for (work, points) in lists() {
            for point in points {
                assert!(names.insert(point.clone()), "{work}: {point}");
            }
        }
    }
}
