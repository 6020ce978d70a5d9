//! The part of `letsbe-node rotate` that tells databases and proves who is let in, run here against databases that no
//! tool stands before.

use letsbe_host::LocalMachine;
use letsbe_rotation::database::Change;
use letsbe_types::Problem;
use letsbe_vault::rotation::{DatabaseChange, RotationValues};

/// Gives the database the wanted passwords, and proves that each is let in and each dead one refused.
pub(crate) async fn rotated(
    tool: &str,
    database: &DatabaseChange,
    values: &RotationValues,
) -> Result<(), Problem> {
    let change = Change { machine: &LocalMachine, tool, database, values };
    change.apply().await?;
    change.prove().await
}
