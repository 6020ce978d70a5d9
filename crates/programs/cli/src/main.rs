#![doc = include_str!("../README.md")]

mod backups;
mod catalog;
mod confirm;
mod demo;
mod explain;
mod host_key;
mod hub;
mod hub_tasks;
mod logins;
mod names;
mod orders;
mod plan;
mod progress;
mod provision;
mod recovery;
mod style;
#[cfg(test)]
mod surface;
mod tenants;
mod terminal;
mod work;

use letsbe_types::Code;
use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use letsbe_manual::Shell;

/// The operator's command line.
#[derive(Parser)]
#[command(name = "letsbe", version, propagate_version = true, after_help = EXIT_CODES)]
struct Arguments {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Address of the Hub; that of the last login if not given.
    #[arg(long, global = true, env = "LETSBE_HUB")]
    hub: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// See to orders.
    #[command(subcommand)]
    Orders(orders::OrdersCommand),
    /// See to the workflows of every kind, orders and recoveries, in one list.
    #[command(subcommand)]
    Work(work::WorkCommand),
    /// See to tenants' servers.
    #[command(subcommand)]
    Tenants(tenants::TenantsCommand),
    /// See to backups, and to servers that were lost.
    #[command(subcommand)]
    Backups(backups::BackupsCommand),
    /// See to the Hub itself.
    #[command(subcommand)]
    Hub(hub_tasks::HubCommand),
    /// See to the catalog of tools; asks no Hub.
    #[command(subcommand)]
    Catalog(catalog::CatalogCommand),
    /// Log in to the Hub; the password is read from the terminal or from standard input.
    Login {
        /// Your address.
        #[arg(long)]
        email: String,
    },
    /// End the session at the Hub and forget it.
    Logout,
    /// Say who is logged in to which Hub.
    Whoami,
    /// Say what an error code means and what to do; asks nobody.
    Explain {
        /// The code, for example DNS001.
        code: String,
    },
    /// Provision one server, with no Hub.
    Provision(Box<provision::ProvisionArguments>),
    /// Show the product in the lab on this machine, from the project's folder.
    Demo {
        /// What is shown.
        #[arg(value_enum, default_value_t = demo::Story::Order)]
        story: demo::Story,
    },
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
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refused) => return wrong(&refused),
    };
    let json = arguments.json;
    // What refuses a plan would refuse what is planned.
    let planned = std::env::args_os().any(|word| word == "--plan");
    match carry_out(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A plan has said it already, and JSON is one document.
            if !error.is::<plan::WouldStop>() && !error.is::<style::Told>() {
                style::print_error(&error, json);
            }
            exit_code(&error, planned)
        }
    }
}

/// Says what is wrong with the command line, or shows the help that was asked for. Who wants JSON gets what is wrong so,
/// too: a script reads standard output.
fn wrong(refused: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    let is_asked_for = matches!(refused.kind(), DisplayHelp | DisplayVersion);
    if is_asked_for || !std::env::args_os().any(|word| word == "--json") {
        refused.exit();
    }
    let said = refused.render().to_string();
    let message = said.split("\n\nUsage:").next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message).trim();
    style::print_error(&anyhow::anyhow!("{message}"), true);
    ExitCode::from(2)
}

/// What stands at the end of the help and of the manual page.
const EXIT_CODES: &str = "Exit codes:
  0  it was done; with --plan: nothing would stop it
  1  it was not done
  2  the command line is wrong; with --plan: something would stop the run
  4  a login is missing or has ended (`letsbe login`)";

/// The exit codes of [`EXIT_CODES`], so that a script can tell.
fn exit_code(error: &anyhow::Error, planned: bool) -> ExitCode {
    match error.downcast_ref::<letsbe_types::Problem>() {
        Some(problem) if problem.is_one_of(&[Code::API401, Code::HUB040]) => ExitCode::from(4),
        Some(problem) if planned && !problem.retryable => ExitCode::from(2),
        _ if error.is::<plan::WouldStop>() || error.is::<letsbe_catalog::NotChecked>() => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

async fn carry_out(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { json, hub, command } = arguments;
    let hub = hub.as_deref();
    match command {
        Command::Orders(command) => orders::carry_out(hub, command, json).await,
        Command::Work(command) => work::carry_out(hub, command, json).await,
        Command::Tenants(command) => tenants::carry_out(hub, command, json).await,
        Command::Backups(command) => backups::carry_out(hub, command, json).await,
        Command::Hub(command) => hub_tasks::carry_out(hub, command, json).await,
        Command::Catalog(command) => catalog::carry_out(command, json),
        Command::Login { email } => hub::login(hub, &email, json).await,
        Command::Logout => hub::logout(hub, json).await,
        Command::Whoami => hub::whoami(hub, json).await,
        Command::Explain { code } => explain::show(&code, json),
        Command::Provision(arguments) => provision::carry_out(*arguments, json).await,
        Command::Demo { story } => demo::show(story),
        Command::Completions { shell } => {
            let script = letsbe_manual::completions(&Arguments::command(), shell);
            letsbe_types::print::bytes(script.as_bytes());
            Ok(())
        }
        Command::Man { folder } => {
            let named = || format!("{} cannot be written", folder.display());
            letsbe_manual::write_pages(Arguments::command(), &folder).with_context(named)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::{Arguments, Command};

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    const ORDER: &str = "018f7b1e-0000-7000-8000-000000000001";

    fn is_taken(line: &str) -> bool {
        let words: Vec<String> = line.split_whitespace().map(|word| word.replace("ORDER", ORDER)).collect();
        Arguments::try_parse_from(&words).is_ok()
    }

    #[test]
    fn what_can_be_typed_about_backups() {
        let good = [
            "letsbe backups recover acme.example --reason gone --region na --at 2026-11-20 --plan --json",
            "letsbe backups recover ORDER --reason gone --as-of 2026-11-20T02:00:00Z --source s.json --identity i --wait --yes",
            "letsbe backups unseal acme.example --identity key.txt --escrow e.age --fingerprint abcd --wait",
            "letsbe backups recoveries",
            "letsbe backups recoveries acme.example --json",
            "letsbe backups cancel-recovery ORDER --reason because --yes",
            "letsbe backups settle-lost ORDER --server netcup:1 --became wiped --evidence ticket",
            "letsbe backups list --json",
            "letsbe backups show acme.example",
            "letsbe backups prove acme.example --tool ghost --no-wait",
            "letsbe backups run ORDER --plan",
            "letsbe backups drill",
            "letsbe backups drill acme.example",
            "letsbe backups drill ORDER --kind quarterly --record passed --rto-minutes 42 --rpo-minutes 480 --notes ok",
            "letsbe backups destination ORDER --from -",
            "letsbe backups acknowledge acme.example ORDER",
            "letsbe backups acknowledge 018f7b1e 018f7b1e",
            "letsbe backups destination acme.example",
        ];
        for line in good {
            assert!(is_taken(line), "{line}");
        }
        let bad = [
            "letsbe backups recover acme.example --reason gone --at yesterday",
            "letsbe backups recover acme.example",
            "letsbe backups recover acme.example --reason gone --identity key.txt",
            "letsbe backups unseal acme.example",
            "letsbe backups settle-lost ORDER --server netcup:1 --became fine --evidence ticket",
            "letsbe backups show",
            "letsbe backups drill acme.example --kind yearly",
            "letsbe backups drill acme.example --record passed",
            "letsbe backups drill --record passed --rto-minutes 1 --rpo-minutes 1",
        ];
        for line in bad {
            assert!(!is_taken(line), "{line}");
        }
    }

    #[test]
    fn what_can_be_typed() {
        let good = [
            "letsbe orders list --json",
            "letsbe orders list --state needs_you --search acme --sort newest --page 2",
            "letsbe tenants list --health silent --search acme",
            "letsbe backups list --state failed --page-size 10",
            "letsbe --hub http://127.0.0.1:1 orders show ORDER --follow",
            "letsbe orders retry ORDER",
            "letsbe orders skip ORDER --reason because",
            "letsbe orders abandon ORDER --reason because --yes",
            "letsbe orders show acme.example",
            "letsbe orders show 018f7b1e",
            "letsbe logout",
            "letsbe whoami --json",
            "letsbe orders assign ORDER --server manual:1 --address 192.0.2.1",
            "letsbe orders assign acme.example --server manual:1 --address 192.0.2.1 --plan",
            "letsbe orders abandon 018f7b1e --reason because --plan --json",
            "letsbe orders assign ORDER --server manual:1 --address 192.0.2.1 --host-key SHA256:abc",
            "letsbe orders confirm-host-key ORDER SHA256:abc",
            "letsbe tenants list --page 2",
            "letsbe tenants show acme.example --json",
            "letsbe tenants configure ORDER --autonomy 2 --token-pool 100 --unlock ghost --lock odoo --plan",
            "letsbe tenants command acme.example restart ghost",
            "letsbe tenants command ORDER --no-wait rotate --tool ghost",
            "letsbe tenants command ORDER --plan update-openclaw --to v2026.10 --force",
            "letsbe tenants command ORDER check-drift",
            "letsbe tenants command ORDER report",
            "letsbe tenants command ORDER restart ghost --plan",
            "letsbe tenants revoke ORDER --plan",
            "letsbe tenants converge acme.example --plan --json",
            "letsbe tenants converge 018f7b1e --yes --no-wait",
            "letsbe tenants approve 018f7b1e 018f7b1e --plan",
            "letsbe orders tasks --done 018f7b1e",
            "letsbe tenants revoke ORDER --yes",
            "letsbe tenants renew-relay-key ORDER --plan",
            "letsbe tenants approvals ORDER",
            "letsbe tenants approve ORDER ORDER",
            "letsbe tenants refuse acme.example ORDER",
            "letsbe tenants escrow ORDER",
            "letsbe tenants gate-heads ORDER",
            "letsbe tenants accept-gate-log ORDER --plan",
            "letsbe login --email a@example.com",
            "letsbe completions bash",
            "letsbe man /tmp/man",
            "letsbe provision --host 192.0.2.1 --key k --domain a.example --tier lite --tools ghost,nocodb \
             --email a@a.example --plan",
            "letsbe provision --host 192.0.2.1 --key k --domain a.example --tier lite --tools ghost \
             --email a@a.example --host-key known_hosts",
        ];
        for line in good {
            assert!(is_taken(line), "{line}");
        }
        let bad = [
            "letsbe",
            "letsbe orders skip ORDER",
            "letsbe orders abandon ORDER",
            "letsbe orders confirm-host-key ORDER",
            "letsbe orders show not_a_name",
            "letsbe tenants show not_a_name",
            "letsbe tenants configure ORDER",
            "letsbe tenants configure ORDER --autonomy 4",
            "letsbe tenants command ORDER run id",
            "letsbe tenants approve ORDER",
            "letsbe orders assign ORDER --server manual:1 --address here",
            "letsbe provision --host 192.0.2.1 --key k --domain bad_domain --tier lite --tools a --email a@a.example",
            "letsbe provision --host 192.0.2.1 --key k --domain a.example --tier huge --tools a --email a@a.example",
            "letsbe provision --host 192.0.2.1",
        ];
        for line in bad {
            assert!(!is_taken(line), "{line}");
        }
    }

    #[test]
    fn tools_are_split_at_commas() {
        let line = "letsbe provision --host 192.0.2.1 --key k --domain a.example --tier lite --tools ghost,nocodb \
                    --email a@a.example";
        let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
        let Command::Provision(arguments) = arguments.command else { panic!("not provision") };
        assert_eq!(arguments.tools, ["ghost", "nocodb"]);
    }
}
