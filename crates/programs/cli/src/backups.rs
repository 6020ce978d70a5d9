//! Backups of tenants' servers: how they are and where; lost servers and what takes their place.

mod ask;
mod show;

use clap::Subcommand;

use crate::recovery::{self, RecoveryCommand};

#[derive(Subcommand)]
pub(crate) enum BackupsCommand {
    #[command(flatten)]
    Own(ask::OwnCommand),
    #[command(flatten)]
    Recovery(RecoveryCommand),
}

pub(crate) async fn carry_out(
    named: Option<&str>,
    command: BackupsCommand,
    json: bool,
) -> anyhow::Result<()> {
    match command {
        BackupsCommand::Own(command) => ask::carry_out(named, command, json).await,
        BackupsCommand::Recovery(command) => recovery::carry_out(named, command, json).await,
    }
}
