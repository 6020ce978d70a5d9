//! letsbe-hub: the central program, with its roles as subcommands.
//!
//! Here is only the command line; what the Hub does is in the library.

#[macro_use(println)]
extern crate letsbe_types;

mod commands;

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use letsbe_hub::config::ConfigError;
use letsbe_manual::Shell;
use letsbe_types::{Problem, harmless, print::causes};

/// The Hub of a LetsBe fleet.
#[derive(Parser)]
#[command(name = "letsbe-hub", version, arg_required_else_help = true)]
struct Arguments {
    /// The configuration file.
    #[arg(long, short, env = "LETSBE_HUB_CONFIG", default_value = "/etc/letsbe/hub.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make what a new Hub needs: the data folder, the database and the SSH key for tenants' servers.
    Init {
        #[command(flatten)]
        planned: commands::Planned,
    },
    /// Look whether everything that the configuration names is there and as it must be, and start nothing.
    Check {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Serve the API and the pages, and work on orders.
    Serve,
    /// Add a member of staff, or give one a new password: asked for on a terminal, else read from standard input.
    AddStaff {
        /// The e-mail address to log in with.
        #[arg(long)]
        email: String,
        #[command(flatten)]
        planned: commands::Planned,
    },
    /// List who can log in.
    ListStaff {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Remove a member of staff and end the sessions.
    RemoveStaff {
        /// The e-mail address.
        #[arg(long)]
        email: String,
        #[command(flatten)]
        planned: commands::Planned,
        #[command(flatten)]
        yes: commands::Yes,
    },
    /// Return a server to the pool that an order gave up and that you have wiped at the provider.
    ReturnServer {
        /// Its id as orders show it, for example netcup:4711.
        server: String,
        #[command(flatten)]
        planned: commands::Planned,
    },
    /// Log in to Netcup: shows a code that you confirm in the browser.
    NetcupLogin,
    /// Back up the Hub itself, or bring it back.
    #[command(subcommand)]
    Admin(commands::AdminCommand),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write manual pages.
    Man {
        /// Folder to write them to.
        folder: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn,hickory_resolver=warn"));
    // A journal or a file keeps what would colour a terminal.
    let is_seen = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_seen);
    log.with_writer(std::io::stderr).init();
    match carry_out(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            told(&error);
            ExitCode::FAILURE
        }
    }
}

/// Says what went wrong, and what to do if that is known.
fn told(error: &anyhow::Error) {
    let lines = [format!("error: {}", causes(error.as_ref())), format!("  {}", hint(error))];
    for part in lines.iter().flat_map(|line| line.lines()).filter(|part| !part.trim().is_empty()) {
        let _ = writeln!(std::io::stderr(), "{}", harmless(part));
    }
}

fn hint(error: &anyhow::Error) -> &str {
    if let Some(ConfigError::Read { source, .. }) = error.downcast_ref()
        && source.kind() == std::io::ErrorKind::NotFound
    {
        return "Name the configuration with --config, or make it from deploy/hub.example.toml.";
    }
    error.downcast_ref::<Problem>().map_or("", |problem| &problem.hint)
}

async fn carry_out(arguments: Arguments) -> anyhow::Result<()> {
    let config = || letsbe_hub::config::HubConfig::load(&arguments.config);
    match arguments.command {
        Command::Init { planned } => commands::init(&config()?, planned).await,
        Command::Check { json } => commands::check(&config()?, &arguments.config, json),
        Command::Serve => commands::serve(config()?, &arguments.config).await,
        Command::AddStaff { email, planned } => commands::add_staff(&config()?, &email, planned).await,
        Command::ListStaff { json } => commands::list_staff(&config()?, json).await,
        Command::RemoveStaff { email, planned, yes } => {
            commands::remove_staff(&config()?, &email, planned, yes).await
        }
        Command::ReturnServer { server, planned } => {
            commands::return_server(&config()?, &server, planned).await
        }
        Command::NetcupLogin => commands::netcup_login(&config()?).await,
        Command::Completions { shell } => {
            let script = letsbe_manual::completions(&Arguments::command(), shell);
            letsbe_types::print::bytes(script.as_bytes());
            Ok(())
        }
        Command::Man { folder } => {
            let named = || format!("{} cannot be written", folder.display());
            letsbe_manual::write_pages(Arguments::command(), &folder).with_context(named)
        }
        // There is no configuration yet where a Hub is brought back.
        Command::Admin(command) => commands::admin(&arguments.config, command).await,
    }
}

#[cfg(test)]
mod surface;
