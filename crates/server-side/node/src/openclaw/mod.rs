//! `letsbe-node openclaw`: which release of the AI runtime runs, and moving it to a later one (runbook 7.2).
//!
//! It must never leave the AI runtime without its state, move it unasked, or call a move good that was not proven.

mod decide;
mod docker;
mod record;
pub(crate) mod update;
mod volume;

use std::{sync::Arc, time::Duration};

use chrono::{Local, Utc};
use letsbe_host::LocalMachine;
use letsbe_stacks::{Pins, paths};
use letsbe_types::{Problem, ids::JobId, job::DesiredServer};
use letsbe_vault::VaultFiles;
use serde_json::json;

use self::{
    decide::Forced,
    docker::Stack,
    record::Record,
    update::{Moved, Site},
};
use letsbe_base::{bundle, files, guard::Guard, layout::Layout, lock, planned::Planned};

/// The lock is refreshed this often, well within its validity.
const REFRESH: Duration = Duration::from_secs(60);
/// Where the gateway answers.
const HEALTH: &str = "http://127.0.0.1:18789/health";

/// The AI runtime.
#[derive(clap::Subcommand)]
pub(crate) enum OpenClawCommand {
    /// Move to a later release; goes back by itself when that one is not proven.
    Update {
        /// The release, for example v2026.10.
        #[arg(long)]
        to: String,
        /// Also on a Friday.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        planned: Planned,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Which release runs, and how the last update ended.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Carries a command out.
pub(crate) async fn carry_out(layout: &Layout, command: OpenClawCommand) -> Result<(), Problem> {
    match command {
        OpenClawCommand::Status { json } => status(layout, json).await,
        OpenClawCommand::Update { to, force, planned, json } => {
            let forced = if force { Forced::Yes } else { Forced::No };
            let wanted = decide::tag(&to).ok_or_else(|| {
                decide::refused(format!("{to:?} is no release"), "A release is written like v2026.10.")
            })?;
            if planned.plan {
                return print_plan(layout, wanted, forced, json).await;
            }
            let moved = update(layout, wanted, forced).await?;
            print_moved(&moved, json);
            Ok(())
        }
    }
}

fn site(layout: &Layout) -> Result<Site<'_>, Problem> {
    let desired = files::read_json::<DesiredServer>(paths::SERVER_RECORD.as_ref())?.ok_or_else(|| {
        decide::refused(
            "it is not recorded what this server is".to_owned(),
            "Provision it once more; step 10 writes the record.",
        )
    })?;
    let catalog = Arc::new(bundle::catalog(&layout.bundle())?);
    let vault = VaultFiles::under("/".as_ref());
    Ok(Site { layout, machine: &LocalMachine, stack: Stack { catalog, desired, vault }, now: Utc::now })
}

/// One update at a time, for as long as the answer lives: a record that is not over was left by a process that is dead. The
/// host's lock alone does not tell, because whoever goes on with that record takes its lock over.
fn alone(layout: &Layout) -> Result<Guard, Problem> {
    Guard::at_once(&layout.state("openclaw-update.guard"))?.ok_or_else(|| {
        decide::refused(
            "another update of OpenClaw is at work".to_owned(),
            "Wait for its end: `letsbe-node openclaw status` shows it.",
        )
    })
}

async fn update(layout: &Layout, to: &str, forced: Forced) -> Result<Moved, Problem> {
    let _alone = alone(layout)?;
    let site = site(layout)?;
    let left = Record::read(layout)?.filter(|record| !record.is_over());
    let run = left.map_or_else(JobId::generate, |record| record.run);
    let keep_lock = async {
        loop {
            if let Err(problem) = lock::acquire(layout, "an update of OpenClaw", run, Utc::now()) {
                return problem;
            }
            tokio::time::sleep(REFRESH).await;
        }
    };
    let result = tokio::select! {
        biased;
        problem = keep_lock => return Err(problem),
        result = site.update(to, forced, Local::now().fixed_offset(), run) => result,
    };
    lock::release(layout, run)?;
    result
}

fn print_moved(moved: &Moved, as_json: bool) {
    let (from, to) = (format!("v{}", moved.from), format!("v{}", moved.to));
    if as_json {
        println!("{}", json!({ "from": from, "to": to }));
    } else if from == to {
        println!("OpenClaw is at {to} already");
    } else {
        println!("OpenClaw was moved from {from} to {to}: its version is right and it is healthy");
    }
}

async fn print_plan(layout: &Layout, to: &str, forced: Forced, as_json: bool) -> Result<(), Problem> {
    let site = site(layout)?;
    let from = site.release().await?;
    let steps = if decide::may_begin(&from, to, Local::now().fixed_offset(), forced)? {
        vec![
            format!("fetch the image of v{to}"),
            format!("stop {}, copy its state to /opt/letsbe/backups, prove the copy", volume::CONTAINER),
            format!("pin v{to} in {}", paths::PINS),
            "make the container anew from the new image".to_owned(),
            "compare the version that the program names with the image's; wait until it is healthy"
                .to_owned(),
            format!("if any of that fails: pin, state and container of v{from} are put back"),
        ]
    } else {
        Vec::new()
    };
    if as_json {
        println!("{}", json!({ "from": format!("v{from}"), "to": format!("v{to}"), "steps": steps }));
        return Ok(());
    }
    println!("OpenClaw v{from} → v{to}");
    if steps.is_empty() {
        println!("  nothing to do");
    }
    steps.iter().for_each(|step| println!("  • {step}"));
    Ok(())
}

async fn status(layout: &Layout, as_json: bool) -> Result<(), Problem> {
    let site = site(layout)?;
    let release = site.release().await?;
    let pinned = Pins::read(&LocalMachine).await?.get("openclaw").is_some();
    let version = docker::running_version(&LocalMachine).await.ok();
    let healthy = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()
        .map_err(|error| files::unusable(HEALTH.as_ref(), error))?
        .get(HEALTH)
        .send()
        .await
        .is_ok_and(|reply| reply.status().is_success());
    let last = Record::read(layout)?;
    if as_json {
        let release = format!("v{release}");
        let known = json!({
            "release": release, "pinned": pinned, "version": version, "healthy": healthy, "last_update": last,
        });
        println!("{known}");
        return Ok(());
    }
    println!("Release: v{release}{}", if pinned { " (pinned)" } else { "" });
    println!("Version: {}", version.as_deref().unwrap_or("it does not say"));
    println!("Healthy: {}", if healthy { "yes" } else { "no" });
    if let Some(last) = last {
        let end = match (&last.ended_at, &last.problem) {
            (None, _) => "was cut off; the next update finishes or undoes it".to_owned(),
            (Some(at), None) => format!("ended well at {at}"),
            (Some(at), Some(problem)) => format!("was undone at {at}: {problem}"),
        };
        println!("Last update: v{} → v{} {end}", last.from, last.to);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::alone;
    use letsbe_base::layout::Layout;

    #[test]
    fn a_second_update_does_not_take_the_first_for_dead() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::under(folder.path());
        let first = alone(&layout).expect("nobody else");
        assert_eq!(alone(&layout).expect_err("the first is at work").code, "CLAW002");
        drop(first);
        alone(&layout).expect("the first is over");
    }
}
