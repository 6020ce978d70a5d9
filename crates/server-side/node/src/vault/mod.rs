//! `letsbe-node vault`: what is in the vault, how things get in, and the escrow.
//!
//! It must never print a value but to the person who asks for it by name, and never before that is written down.

pub(crate) mod seed;
mod show;

use std::io::{IsTerminal as _, Read as _};

use chrono::Utc;
use letsbe_types::{Code, Problem};
use letsbe_vault::Vault;

use letsbe_agent::env_files;
use letsbe_base::{layout::Layout, vault::files};

/// The most that is read from standard input.
const INPUT_BYTES_MAX: u64 = 1 << 20;

/// What can be done with the vault.
#[derive(clap::Subcommand)]
pub(crate) enum VaultCommand {
    /// The secrets by name; never their values.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a secret's value; who asked and when is kept.
    Get {
        /// Its name: `tool/key`.
        name: String,
    },
    /// Take in what waits in credentials.env; keys of model providers are read as JSON from standard input.
    Seed,
    /// Take in what was changed by hand in the tools' `.env` files.
    TakeIn,
    /// Print the registry key and the backup key, sealed for these age recipients.
    Escrow {
        /// Who can open it: `age1…`.
        #[arg(long = "recipient", required = true)]
        recipients: Vec<String>,
    },
}

/// Does it.
pub(crate) fn carry_out(layout: &Layout, command: VaultCommand) -> Result<(), Problem> {
    let now = Utc::now();
    match command {
        VaultCommand::List { json } => show::list(layout, json, now),
        VaultCommand::Get { name } => show::get(layout, &name, now),
        VaultCommand::Seed => seed::seed(layout, &input()?, now),
        VaultCommand::TakeIn => {
            let taken = env_files::take_in(layout, now)?;
            taken.report();
            println!("{} secrets were taken in", taken.names.len());
            Ok(())
        }
        VaultCommand::Escrow { recipients } => seed::escrow(layout, &recipients, now),
    }
}

/// The vault; a problem where there is none.
fn open(layout: &Layout) -> Result<Vault, Problem> {
    Vault::open(&files(layout))?.ok_or_else(|| {
        Problem::permanent(
            Code::VAULT007,
            "This server has no vault yet",
            "Step 10 of the provisioning makes it.",
        )
    })
}

/// Standard input; empty where a person sits at it.
fn input() -> Result<letsbe_types::Secret<String>, Problem> {
    let mut text = String::new();
    if !std::io::stdin().is_terminal() {
        let read = std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_string(&mut text);
        read.map_err(|error| seed::not_understood(&error))?;
    }
    Ok(letsbe_types::Secret::new(text))
}
