#![doc = include_str!("../README.md")]

#[macro_use(print, println)]
extern crate letsbe_types;

mod audience;
#[cfg(debug_assertions)]
mod crash_points;
mod drift;
mod install;
mod journal;
mod manual;
mod openclaw;
mod operator;
mod reveal;
mod run;
mod status;
mod vault;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use letsbe_types::{Code, Problem, ids::JobId};

use crate::{audience::Audience, install::Wanted};
use letsbe_agent::{gate, hub, uploads};
use letsbe_base::{FOR_PROGRAMS, bundle, layout::Layout, lock, planned::Planned};
use letsbe_data::{backup, restore};

/// What stands at the end of the help.
const EXIT_CODES: &str = "Exit codes:
  0  it was done; with --plan: nothing would stop it
  1  it was not done
  2  the command line is wrong; with --plan: something would stop it";

/// The program on a tenant's server.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The operator's first, in the order of the help; those of the protocol are hidden.
#[derive(Subcommand)]
enum Command {
    /// What this server is, and what is wrong.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// What is installed too, by hash.
        #[arg(short, long)]
        verbose: bool,
    },
    #[command(flatten)]
    Operator(operator::OperatorCommand),
    /// Backups: made, listed, looked into, proven, and where their copies go.
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Bring tools back to what they had; or a copy of a tool beside it, to look into.
    Restore(restore::RestoreArguments),
    /// Give tools new secrets: database, files and containers together, or not at all.
    Rotate(letsbe_rotation::RotateArguments),
    /// Show the logins of one tool or all, to hand them to the customer; who asked and when is kept.
    Reveal(reveal::RevealArguments),
    /// The secrets of this server.
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    /// What the AI team asks for, and a person's word.
    #[command(subcommand)]
    Approvals(gate::ApprovalsCommand),
    /// The command gate's log.
    #[command(subcommand)]
    Gate(gate::GateCommand),
    /// The AI runtime.
    #[command(subcommand, name = "openclaw")]
    OpenClaw(openclaw::OpenClawCommand),
    /// Print what differs from what was provisioned.
    Drift {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say, after a look at its users, that a tool's present administrator is the customer.
    AcceptOwner {
        /// The tool's name in the catalog.
        tool: String,
        #[command(flatten)]
        planned: Planned,
    },
    /// Put SSH back to how it was before an unconfirmed change.
    RevertSsh {
        #[command(flatten)]
        planned: Planned,
    },
    /// Provisioning runs (the provisioner asks for them).
    #[command(subcommand, hide = true)]
    Run(RunCommand),
    /// Answer a pending request to prove that SSH works.
    #[command(hide = true)]
    ConfirmSsh {
        /// The number from the request.
        nonce: String,
    },
    /// Install an uploaded program and bundle.
    #[command(hide = true)]
    Install {
        /// Folder they were uploaded to; removed afterwards.
        #[arg(long)]
        from: PathBuf,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Write the manual pages and the completion of this program.
    #[command(hide = true)]
    InstallManual,
    /// Register with the Hub: reads {"hub_url", "token"} as JSON from standard input.
    #[command(hide = true)]
    Register,
    /// Hold the vault, count tokens, and report to the Hub (a systemd unit runs this).
    #[command(hide = true)]
    Agent,
    /// Do a tool's first set-up.
    #[command(hide = true)]
    SetupTool {
        /// The tool's name in the catalog.
        tool: String,
    },
    /// Watch over how much is uploaded (a systemd unit runs this).
    #[command(hide = true)]
    WatchUploads(uploads::WatchArguments),
    /// Where a test can kill this program.
    #[cfg(debug_assertions)]
    #[command(hide = true)]
    CrashPoints,
}

impl Command {
    /// Whether it holds the host's lock while it works.
    const fn locks(&self) -> bool {
        matches!(self, Self::Restore(_) | Self::Rotate(_) | Self::OpenClaw(_))
    }

    /// Whether it is of the protocol between the programs: never typed by people.
    const fn is_protocol(&self) -> bool {
        matches!(
            self,
            Self::Run(_)
                | Self::ConfirmSsh { .. }
                | Self::Install { .. }
                | Self::InstallManual
                | Self::Register
                | Self::Agent
                | Self::SetupTool { .. }
                | Self::WatchUploads(_)
        )
    }
}

#[derive(Subcommand)]
enum RunCommand {
    /// Start a run, or join it; what the server shall become is read as JSON from standard input.
    Start {
        #[command(flatten)]
        follow: Follow,
        /// The caller's clock, in seconds since 1970: this server's must agree with it.
        #[arg(long)]
        clock: Option<i64>,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Carry a run out (its systemd unit runs this).
    Execute {
        /// The run.
        #[arg(long)]
        job: JobId,
    },
    /// Print a run's events, and follow it to its end.
    Attach {
        #[command(flatten)]
        follow: Follow,
    },
    /// Append events of checks from outside to a run that has ended.
    Record {
        /// The run.
        #[arg(long)]
        job: JobId,
    },
    /// Bring back a part of what a lost server had; what this one shall become is read as JSON from standard input.
    Recover {
        /// Which part.
        part: run::recover::Part,
    },
    /// Take in the keys from the escrow, sealed to this run; read from standard input.
    Keys {
        /// The run.
        #[arg(long)]
        job: JobId,
    },
    /// Print what a run would change; what the server shall become is read as JSON from standard input.
    Plan {
        /// Another bundle than the installed one: a folder or a tar file.
        #[arg(long)]
        bundle: Option<PathBuf>,
        #[command(flatten)]
        wanted: Wanted,
    },
}

#[derive(clap::Args)]
struct Follow {
    /// The run.
    #[arg(long)]
    job: JobId,
    /// First event to print.
    #[arg(long, default_value_t = 1)]
    from: u64,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    // Asked for help, it answers; all else needs root.
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let command = match Arguments::try_parse() {
        Ok(parsed) => parsed.command,
        Err(refused) => return wrong(&refused, &arguments),
    };
    let for_programs = std::env::var_os(FOR_PROGRAMS).is_some();
    let audience = Audience::of(&arguments, command.is_protocol(), for_programs);
    log_to_stderr(command.is_protocol());
    let layout = Layout::default();
    let planned = arguments.iter().any(|argument| argument == "--plan");
    let done = match operator::root::become_root(&layout, &arguments) {
        Ok(()) if planned => plan(command, &layout, audience).await,
        Ok(()) => carry_out(command, &layout).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(problem) if planned => {
            audience.print_stop(problem);
            ExitCode::from(WOULD_STOP)
        }
        Err(problem) => {
            audience.print(problem);
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line, or shows the help that was asked for. Who wants JSON gets JSON.
fn wrong(refused: &clap::Error, arguments: &[OsString]) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    let is_asked_for = matches!(refused.kind(), DisplayHelp | DisplayVersion);
    if is_asked_for || !arguments.iter().any(|argument| argument == "--json") {
        refused.exit();
    }
    let said = refused.render().to_string();
    let message = said.split("\n\nUsage:").next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message).trim();
    let hint = "`letsbe-node --help` shows the commands; --help after a command what it takes.";
    Audience::Program.print(Problem::permanent(Code::NODE082, message, hint));
    ExitCode::from(2)
}

/// With `--plan`: something would stop what is planned.
const WOULD_STOP: u8 = 2;

/// Shows a plan; then what would stop it, if another run is at work. A program reads one answer: the plan, or the other.
async fn plan(command: Command, layout: &Layout, audience: Audience) -> Result<u8, Problem> {
    let free = if command.locks() { lock::free(layout, chrono::Utc::now()) } else { Ok(()) };
    if audience == Audience::Person {
        let code = carry_out(command, layout).await?;
        return free.map(|()| code);
    }
    free?;
    carry_out(command, layout).await
}

/// People read sentences; the journal keeps level and place.
fn log_to_stderr(is_protocol: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .with_ansi(false);
    // systemd says by this that the error output is the journal.
    if is_protocol || std::env::var_os("JOURNAL_STREAM").is_some() {
        log.init();
    } else {
        log.event_format(audience::Sentences).init();
    }
}

async fn carry_out(command: Command, layout: &Layout) -> Result<u8, Problem> {
    match command {
        Command::Run(RunCommand::Start { follow, clock, wanted }) => {
            return run::start::start(layout, follow.job, follow.from, clock, &wanted).await;
        }
        Command::Run(RunCommand::Attach { follow }) => {
            return run::attach::attach(layout, follow.job, follow.from).await;
        }
        Command::Run(RunCommand::Plan { bundle, wanted }) => {
            return run::plan::plan(layout, bundle, &wanted).await;
        }
        Command::Backup(command) => return backup::carry_out(layout, command).await,
        Command::Operator(command) => return operator::carry_out(layout, command).await,
        Command::Run(RunCommand::Execute { job }) => run::execute::execute(layout, job).await?,
        Command::Run(RunCommand::Recover { part }) => run::recover::carry_out(layout, part).await?,
        Command::Run(RunCommand::Keys { job }) => run::keys::accept(layout, job)?,
        Command::Run(RunCommand::Record { job }) => run::start::record(layout, job)?,
        Command::ConfirmSsh { nonce } => journal::confirm_ssh(layout, &nonce)?,
        Command::RevertSsh { planned } => operator::by_hand::revert_ssh(planned).await?,
        Command::Install { from, wanted } => install::install(layout, &from, &wanted)?,
        Command::InstallManual => manual::install(layout)?,
        Command::Register => hub::register(layout).await?,
        Command::Agent => letsbe_agent::run(layout).await?,
        Command::WatchUploads(arguments) => uploads::watch(arguments).await,
        Command::Drift { json } => drift::print(layout, json).await?,
        Command::SetupTool { tool } => {
            let catalog = bundle::catalog(&layout.bundle())?;
            letsbe_stacks::run_setup(&letsbe_host::LocalMachine, &catalog, &tool).await?;
        }
        Command::AcceptOwner { tool, planned } => {
            operator::by_hand::accept_owner(layout, &tool, planned).await?
        }
        Command::Reveal(arguments) => reveal::command(layout, &arguments, chrono::Utc::now())?,
        Command::Restore(arguments) => restore::command(layout, arguments).await?,
        Command::Rotate(arguments) => letsbe_rotation::command(layout, arguments).await?,
        Command::OpenClaw(command) => openclaw::carry_out(layout, command).await?,
        Command::Vault(command) => vault::carry_out(layout, command)?,
        Command::Approvals(command) => gate::approvals(layout, command).await?,
        Command::Gate(command) => gate::gate(layout, command)?,
        Command::Status { json: true, .. } => status::print_json(layout).await?,
        Command::Status { verbose, .. } => status::print(layout, verbose).await?,
        #[cfg(debug_assertions)]
        Command::CrashPoints => crash_points::print(),
    }
    Ok(0)
}

#[cfg(test)]
mod node_commands;
#[cfg(test)]
mod surface;
#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_help_begins_with_the_operators_verbs_and_has_none_of_the_protocol() {
        let mut command = Arguments::command();
        command.clone().debug_assert();
        let help = command.render_help().to_string();
        let place =
            |verb: &str| help.find(&format!("\n  {verb} ")).unwrap_or_else(|| panic!("{verb}: {help}"));
        let first = ["status", "ps", "restart", "logs", "cert", "firewall", "fail2ban", "disk", "memory"];
        let rest = ["backup", "restore", "rotate", "reveal", "drift", "revert-ssh"];
        let places: Vec<usize> = first.iter().chain(&rest).map(|verb| place(verb)).collect();
        assert!(places.is_sorted(), "{help}");
        for hidden in [
            "run",
            "confirm-ssh",
            "install",
            "register",
            "agent",
            "setup-tool",
            "watch-uploads",
            "as-written",
        ] {
            assert!(!help.contains(&format!("\n  {hidden} ")), "{hidden}: {help}");
        }
    }
}
