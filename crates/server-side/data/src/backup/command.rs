//! `letsbe-node backup …` as it is typed.

use std::time::Duration;

use chrono::Utc;
use clap::Subcommand;
use letsbe_backup::SetKind;
use letsbe_host::LocalMachine;
use letsbe_protocol::{self as protocol, BackupRun};
use letsbe_types::{
    Problem,
    backup::{BackupStatus, Ending, RemoteSync},
};

use super::{
    browse, check, destination,
    dump::child,
    export, journal, lease, list, nightly, pause, plan,
    repositories::Limits,
    rewind,
    run::{self, Place, Request},
    unit,
};
use crate::proof;
use letsbe_base::{
    files,
    layout::Layout,
    output::{self, Progress, moment, size},
    planned::Planned,
    server::TenantServer,
};

/// What can be done with backups.
#[derive(Subcommand)]
pub enum BackupCommand {
    /// Make sets of every tool now, copy them outside and read them back.
    Run(RunArguments),
    /// What the timer starts: a run, the proofs that are due, a look at the repository.
    Nightly {
        /// Do not wait for this server's turn at the far side.
        #[arg(long)]
        at_once: bool,
    },
    /// How the last run went, and each tool's newest set and last proof.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the sets.
    List(list::ListArguments),
    /// Print everything that a set holds.
    Browse(browse::BrowseArguments),
    /// Take one file out of a set.
    Export(export::ExportArguments),
    /// Look for damage.
    Check(check::CheckArguments),
    /// Restore sets beside everything, start and probe them, and compare them with their manifests.
    Prove(proof::ProveArguments),
    /// Where the copies outside go.
    Destination {
        /// What is done with it; without one it is shown.
        #[command(subcommand)]
        command: Option<DestinationCommand>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Bound what a run may take.
    Limit {
        /// KiB a second outward; 0 is no limit.
        #[arg(long)]
        upload_kib: u32,
        /// Whether it is only planned.
        #[command(flatten)]
        planned: Planned,
    },
    /// Bring the copies outside back as they were at a moment.
    Rewind(rewind::RewindArguments),
    /// Write a database's dump to standard output (the repository's program runs this).
    #[command(hide = true)]
    Dump(child::DumpArguments),
    /// Unpause what a killed run left paused (its unit runs this).
    #[command(hide = true)]
    Resume,
}

/// A run by hand.
#[derive(clap::Args)]
pub struct RunArguments {
    /// One tool only (or `nginx`, `openclaw`, `letsbe`).
    #[arg(long)]
    tool: Option<String>,
    #[command(flatten)]
    planned: Planned,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// In this process, not in a unit of its own.
    #[arg(long, hide = true)]
    here: bool,
}

/// What can be done with the destination.
#[derive(Subcommand)]
pub enum DestinationCommand {
    /// Set another one: read as JSON from standard input, reached before it replaces the present one.
    Set {
        #[command(flatten)]
        planned: Planned,
    },
}

/// KiB a second, for people.
fn rate(kib: u32) -> String {
    if kib == 0 { "without a limit".to_owned() } else { format!("{kib} KiB a second") }
}

/// Carries the command out; answers the exit code.
///
/// # Errors
/// What could not be done.
pub async fn carry_out(layout: &Layout, command: BackupCommand) -> Result<u8, Problem> {
    let server = || TenantServer::read(layout);
    match command {
        BackupCommand::Run(arguments) => return manual(&server()?, &arguments).await,
        BackupCommand::Nightly { at_once } => return nightly(&server()?, at_once).await,
        BackupCommand::Status { json } => print_status(super::status::read(layout)?, json)?,
        BackupCommand::List(arguments) => list::list(&server()?, &arguments).await?,
        BackupCommand::Browse(arguments) => browse::browse(&server()?, &arguments).await?,
        BackupCommand::Export(arguments) => export::carry_out(&server()?, &arguments).await?,
        BackupCommand::Check(arguments) => check::carry_out(&server()?, &arguments).await?,
        BackupCommand::Prove(arguments) => proof::command(layout, arguments).await?,
        BackupCommand::Destination { command: None, json } => destination::show(&server()?, json)?,
        BackupCommand::Destination { command: Some(DestinationCommand::Set { planned }), .. } => {
            destination::set(&server()?, planned).await?;
        }
        BackupCommand::Limit { upload_kib, planned } if planned.plan => {
            let now = Limits::read(layout)?.upload_kib;
            println!("A run would send {} at most (now {}).", rate(upload_kib), rate(now));
        }
        BackupCommand::Limit { upload_kib, .. } => {
            let limits = Limits { upload_kib, ..Limits::read(layout)? };
            files::write_json(&layout.state("backup-limits.json"), &limits)?;
        }
        BackupCommand::Rewind(arguments) => rewind::carry_out(&server()?, &arguments).await?,
        BackupCommand::Dump(arguments) => return Ok(child::carry_out(layout, &arguments).await),
        BackupCommand::Resume => resume(layout).await?,
    }
    Ok(0)
}

async fn nightly(server: &TenantServer, at_once: bool) -> Result<u8, Problem> {
    let place = Place { server, machine: &LocalMachine, progress: Progress::Log };
    let wait = if at_once { Duration::ZERO } else { nightly::spread(&server.desired.identity.0) };
    nightly::nightly(place, wait).await.map(|status| code(&status))
}

/// After a run that was killed: nothing stays paused, and the status says so.
async fn resume(layout: &Layout) -> Result<(), Problem> {
    let resumed = pause::resume(&LocalMachine, layout).await;
    journal::report_killed(layout, Utc::now())?;
    resumed.map(drop)
}

async fn manual(server: &TenantServer, arguments: &RunArguments) -> Result<u8, Problem> {
    let RunArguments { tool, planned, json, here } = arguments;
    // What is not there is refused before anything is started.
    super::components::selected(server, tool.as_deref())?;
    if planned.plan {
        return plan::print(server, &LocalMachine, tool.as_deref(), *json).await.map(|()| 0);
    }
    let systemd = server.layout.root().join("run/systemd/system");
    if !here && systemd.is_dir() {
        let output = if *json { protocol::Output::Json } else { protocol::Output::Text };
        let run = BackupRun { tool: tool.clone(), here: true, output };
        return unit::run(&server.layout, &protocol::BackupCommand::Run(run).into()).await;
    }
    let progress = if *json { Progress::Silent } else { Progress::Terminal };
    let place = Place { server, machine: &LocalMachine, progress };
    let request = Request {
        tool: tool.clone(),
        kind: SetKind::Manual,
        patience: Duration::ZERO,
        before_remote: Duration::ZERO,
    };
    let status =
        lease::with(&server.layout, &request.owner(), async |run| run::carry_out(place, &request, run).await)
            .await?;
    output::print(*json, &status, || lines(&status))?;
    Ok(code(&status))
}

/// `backup status`: what `backup-status.json` says, in words.
fn print_status(status: Option<BackupStatus>, json: bool) -> Result<(), Problem> {
    let Some(status) = status else {
        return output::print(json, &serde_json::Value::Null, || {
            vec!["No backup was made yet. `letsbe-node backup run` makes one now.".to_owned()]
        });
    };
    output::print(json, &status, || lines(&status).into_iter().chain(of_tools(&status)).collect())
}

fn of_tools(status: &BackupStatus) -> impl Iterator<Item = String> {
    let said = |at: Option<chrono::DateTime<Utc>>| at.map_or_else(|| "never".to_owned(), moment);
    status.tools.iter().map(move |(name, tool)| {
        let problem = tool.problem.as_ref().map(|problem| format!("  {problem}")).unwrap_or_default();
        let (taken, proven) = (said(tool.taken_at), said(tool.proven_at));
        format!("  {name:<16} set of {taken}, {}, proven {proven}{problem}", size(tool.bytes))
    })
}

const fn code(status: &BackupStatus) -> u8 {
    match status.status {
        Ending::Success => 0,
        Ending::Partial | Ending::Failed => 1,
    }
}

fn lines(status: &BackupStatus) -> Vec<String> {
    let word = match status.status {
        Ending::Success => "success",
        Ending::Partial => "PARTIAL",
        Ending::Failed => "FAILED",
    };
    let outside = match status.remote_sync {
        RemoteSync::Success => "copied outside and read back",
        RemoteSync::Failed => "NOT COPIED OUTSIDE",
        RemoteSync::NotConfigured => "no destination is set: not copied outside",
    };
    let mut lines = vec![format!(
        "{} {word} in {} s: {} databases, {} new, {} in the repository; {outside}",
        moment(status.timestamp),
        status.duration_seconds,
        status.databases_backed_up,
        size(status.added_bytes),
        size(status.repository_bytes),
    )];
    lines.extend(status.errors.iter().map(|error| format!("  {error}")));
    lines.extend(status.notes.iter().map(|note| format!("  note: {note}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::{BackupCommand, Limits, carry_out};
    use letsbe_base::{layout::Layout, planned::Planned};

    #[tokio::test]
    async fn a_plan_of_a_limit_sets_none() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let limit = |plan| BackupCommand::Limit { upload_kib: 700, planned: Planned { plan } };
        for (plan, expected) in [(true, 0), (false, 700)] {
            assert_eq!(carry_out(&layout, limit(plan)).await, Ok(0));
            assert_eq!(Limits::read(&layout).unwrap().upload_kib, expected);
        }
    }
}
