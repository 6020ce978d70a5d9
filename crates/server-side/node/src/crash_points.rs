//! `letsbe-node crash-points`: where this program can be killed, for the tests that kill it.
//!
//! Every list stands beside the code that dies there; one that nobody has put in here is unused code to the compiler.

use std::collections::BTreeMap;

use letsbe_types::crash::Point;

use crate::{agent, backup, gate, openclaw, proof, restore, rotate, run, vault};

/// Prints the names of the points of each piece of work, as JSON.
pub(crate) fn print() {
    let names: BTreeMap<&str, Vec<String>> = lists()
        .into_iter()
        .map(|(work, points)| (work, points.iter().map(ToString::to_string).collect()))
        .collect();
    println!("{}", serde_json::json!(names));
}

fn lists() -> [(&'static str, Vec<Point>); 14] {
    [
        ("agent.command", agent::commands::points::ALL.to_vec()),
        ("agent.count", agent::meter::count_points::ALL.to_vec()),
        ("agent.event", agent::outbox::points::ALL.to_vec()),
        ("agent.reservation", agent::meter::reservation_points::ALL.to_vec()),
        ("backup", backup::points::ALL.to_vec()),
        ("gate.call", gate::points::ALL.to_vec()),
        ("openclaw.undo", openclaw::update::undo_points::ALL.to_vec()),
        ("openclaw.update", openclaw::update::points::ALL.to_vec()),
        ("proof", proof::points::ALL.to_vec()),
        ("recovery", run::recover::points::ALL.to_vec()),
        ("restore", restore::points::all()),
        ("restore.copy", restore::points::copy::ALL.to_vec()),
        ("rotation", rotate::points::all()),
        ("vault.seed", vault::seed::points::ALL.to_vec()),
    ]
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
