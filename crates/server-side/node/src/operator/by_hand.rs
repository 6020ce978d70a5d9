//! What a person decides after a look: whose tool it is, and that SSH goes back to how it was.

use letsbe_host::{LocalMachine, operations::ssh};
use letsbe_stacks as stacks;
use letsbe_types::Problem;

use letsbe_base::{bundle, layout::Layout, planned::Planned};

/// `letsbe-node accept-owner <tool>`.
///
/// # Errors
/// When there is no such tool with a log-in, or it has no data here.
pub(crate) async fn accept_owner(layout: &Layout, tool: &str, planned: Planned) -> Result<(), Problem> {
    let catalog = bundle::catalog(&layout.bundle())?;
    if planned.plan {
        stacks::check_owned(&LocalMachine, &catalog, tool).await?;
        println!("{tool}: whoever administers it now would count as the customer.");
        return Ok(());
    }
    stacks::accept_owner(&LocalMachine, &catalog, tool).await
}

/// `letsbe-node revert-ssh`.
///
/// # Errors
/// When the server's state cannot be read or changed.
pub(crate) async fn revert_ssh(planned: Planned) -> Result<(), Problem> {
    if planned.plan {
        let changes = ssh::reverting(&LocalMachine).await?;
        if changes.is_empty() {
            println!("There is no unconfirmed change; nothing would be done.");
        }
        changes.iter().for_each(|change| println!("{change}"));
        return Ok(());
    }
    let reverted = ssh::revert(&LocalMachine).await?;
    tracing::info!(reverted, "the record of the SSH move was looked at");
    Ok(())
}
