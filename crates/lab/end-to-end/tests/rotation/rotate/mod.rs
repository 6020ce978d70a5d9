//! The part of `letsbe-node rotate` that tells databases and proves who is let in: the program's own source, run here
//! against databases that no tool stands before.

#[path = "../../../../../server-side/node/src/rotate/client.rs"]
mod client;
#[path = "../../../../../server-side/node/src/rotate/database.rs"]
mod database;
#[expect(dead_code, reason = "the program has more points than this part")]
#[path = "../../../../../server-side/node/src/rotate/points.rs"]
mod points;

use letsbe_host::LocalMachine;
use letsbe_types::Problem;
use letsbe_vault::rotation::{DatabaseChange, RotationValues};

/// Gives the database the wanted passwords, and proves that each is let in and each dead one refused.
pub(crate) async fn rotated(
    tool: &str,
    database: &DatabaseChange,
    values: &RotationValues,
) -> Result<(), Problem> {
    let change = database::Change { machine: &LocalMachine, tool, database, values };
    change.apply().await?;
    change.prove().await
}
