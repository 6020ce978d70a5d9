//! Workflows of every machine: what is open, and what an operator does about it.

use chrono::Local;
use clap::{Args, Subcommand};
use letsbe_types::work::{WorkAction, WorkEntry};
use uuid::Uuid;

use crate::{
    confirm::{self, Reason, Yes},
    hub::Hub,
    names::IdName,
    plan::{self, Planned},
    style::{self, Level, bold, faint, harmless, say},
};

const WORK: &str = "/api/v1/admin/work";

/// The workflow that something is done about.
#[derive(Args)]
pub(crate) struct Target {
    /// The workflow: its id, or the beginning of it.
    id: IdName,
    #[command(flatten)]
    planned: Planned,
}

#[derive(Subcommand)]
pub(crate) enum WorkCommand {
    /// List the workflows that are open, orders and recoveries, at most 200 of each: those that need a person first.
    List,
    /// Show one workflow, and what can be done about it.
    Show {
        /// The workflow: its id, or the beginning of it.
        id: IdName,
    },
    /// Try again now.
    Retry {
        #[command(flatten)]
        target: Target,
    },
    /// Go on without what fails.
    Skip {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        why: Reason,
    },
    /// Give it up: an order ends and its server is released; a recovery is taken back.
    Abandon {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        why: Reason,
        #[command(flatten)]
        yes: Yes,
    },
}

pub(crate) async fn carry_out(named: Option<&str>, command: WorkCommand, json: bool) -> anyhow::Result<()> {
    let hub = Hub::open(named)?;
    let (target, action, yes) = match command {
        WorkCommand::List => {
            let open: Vec<WorkEntry> = hub.get(WORK).await?;
            if json {
                return style::say_json(&open);
            }
            list(&open);
            return Ok(());
        }
        WorkCommand::Show { id } => {
            let entry: WorkEntry = hub.get(&format!("{WORK}/{}", meant(&hub, &id).await?)).await?;
            if json {
                return style::say_json(&entry);
            }
            show(&entry);
            return Ok(());
        }
        WorkCommand::Retry { target } => (target, WorkAction::Retry, None),
        WorkCommand::Skip { target, why } => (target, WorkAction::Skip { reason: why.reason }, None),
        WorkCommand::Abandon { target, why, yes } => {
            (target, WorkAction::Abandon { reason: why.reason }, Some(yes))
        }
    };
    let path = format!("{WORK}/{}", meant(&hub, &target.id).await?);
    let body = serde_json::to_value(&action)?;
    if target.planned.plan {
        return plan::show_desk(&hub.post(&format!("{path}/actions/plan"), &body).await?, json);
    }
    if let Some(yes) = yes {
        let entry: WorkEntry = hub.get(&path).await?;
        let what =
            format!("The {} of {} is given up, in state {}.", entry.machine, entry.domain, entry.phase);
        confirm::by_name(entry.domain.as_str(), &[what], yes).await?;
    }
    let entry: WorkEntry = hub.post(&format!("{path}/actions"), &body).await?;
    if json {
        return style::say_json(&entry);
    }
    let now = format!("{} {} is now {}", entry.machine, entry.id, entry.phase);
    say(&format!("{} {}", Level::Fine.mark(), harmless(&now)));
    Ok(())
}

/// The id that is meant; the beginning of one is looked for among the open workflows.
async fn meant(hub: &Hub, id: &IdName) -> anyhow::Result<Uuid> {
    if let Some(whole) = id.whole() {
        return Ok(whole);
    }
    let open: Vec<WorkEntry> = hub.get(WORK).await?;
    let open = open.into_iter().map(|entry| (entry.id, format!("{}, {}", entry.domain, entry.machine)));
    Ok(id.among("open workflows", "letsbe work list", open)?)
}

fn list(open: &[WorkEntry]) {
    if open.is_empty() {
        return say("nothing is open");
    }
    let mut table = style::table();
    table.set_header(["", "ID", "MACHINE", "STATE", "DOMAIN", "UPDATED"]);
    for entry in open {
        table.add_row([
            level(entry).mark(),
            entry.id.to_string(),
            harmless(&entry.machine),
            harmless(&state(entry)),
            entry.domain.to_string(),
            entry.updated_at.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string(),
        ]);
    }
    table.lines().for_each(|line| say(line.trim_end()));
}

fn show(entry: &WorkEntry) {
    let title = format!("{} of {}: {}", entry.machine, entry.domain, state(entry));
    say(&format!("{} {}", level(entry).mark(), bold(&harmless(&title))));
    if let Some(problem) = &entry.problem {
        say(&format!("  {}", harmless(&problem.to_string())));
        say(&format!("  {}", harmless(&problem.hint)));
    }
    for action in &entry.actions {
        say(&faint(&format!("  letsbe work {} {}", action.as_str(), entry.id)));
    }
    say(&faint(&format!("  letsbe orders show {}", entry.order)));
}

fn state(entry: &WorkEntry) -> String {
    match &entry.problem {
        Some(problem) => format!("{} [{}]", entry.phase, problem.code),
        None => entry.phase.clone(),
    }
}

const fn level(entry: &WorkEntry) -> Level {
    match (entry.needs_operator, &entry.problem) {
        (true, _) => Level::Failed,
        (false, Some(_)) => Level::Warning,
        (false, None) => Level::Running,
    }
}
