//! `letsbe-node rotate`: new secrets for one tool or all, with vault, database, files and containers agreeing in the
//! end, whatever happens on the way.
//!
//! What comes next is decided in `letsbe_vault::rotation`; here it is done. It must never put a secret into an
//! argument or a variable, nor repeat what a database's client printed: it may quote the statement.

#[macro_use(println)]
extern crate letsbe_types;

mod actions;
mod agent;
mod client;
pub mod database;
mod journals;
mod only_one;
mod points;

use std::collections::BTreeSet;

use chrono::Utc;
use letsbe_catalog::Tool;
use letsbe_types::{Code, Problem};
use letsbe_vault::{
    Vault, VaultFiles,
    rotation::{Kept, RotationPlan, plan},
};
use serde::{Deserialize, Serialize};

use letsbe_base::{layout::Layout, lock, planned::Planned, server::TenantServer};

/// Where a rotation can be killed by a test, by the name of the work.
#[cfg(debug_assertions)]
#[must_use]
pub fn crash_points() -> [(&'static str, Vec<letsbe_types::crash::Point>); 1] {
    [("rotation", points::all())]
}

/// What the command line asks for.
#[derive(clap::Args)]
pub struct RotateArguments {
    /// One tool (or `openclaw`).
    #[arg(long, conflicts_with = "all")]
    tool: Option<String>,
    /// Every tool, one after the other; one that fails does not stop the others.
    #[arg(long)]
    all: bool,
    /// Only finish what was interrupted.
    #[arg(long, conflicts_with_all = ["tool", "all", "plan"])]
    resume: bool,
    #[command(flatten)]
    planned: Planned,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Whose secrets are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// One tool's.
    One(String),
    /// Every tool's and the AI runtime's.
    All,
    /// Only what an earlier call did not finish.
    Interrupted,
}

/// What became of one tool's secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RotatedTool {
    /// The tool.
    pub(crate) tool: String,
    /// How many secrets are new.
    pub(crate) secrets: usize,
    /// What stays, and why.
    pub(crate) kept: Vec<Kept>,
    /// Why its secrets are the old ones, if they are.
    pub(crate) problem: Option<Problem>,
}

/// Carries the command out.
///
/// # Errors
/// When a tool could not be rotated; what became of the others has been printed before.
pub async fn command(layout: &Layout, arguments: RotateArguments) -> Result<(), Problem> {
    let selection = match arguments.tool {
        Some(tool) => Selection::One(tool),
        None if arguments.all => Selection::All,
        None if arguments.resume => Selection::Interrupted,
        None => {
            return Err(cannot(
                "it was not said whose secrets",
                "Say --tool <tool>, --all (every tool, after a leak), or --resume (what was interrupted); \
                 --plan with it only says what would be done.",
            ));
        }
    };
    if arguments.planned.plan {
        let plans = Rotations::read(layout)?.plans(&selection)?;
        print(arguments.json, &serde_json::json!({ "tools": plans }), plans.iter().map(planned));
        return Ok(());
    }
    let tools = rotate(layout, &selection).await?;
    let first = tools.iter().position(|tool| tool.problem.is_some());
    let lines = tools.iter().enumerate().map(|(index, tool)| rotated(tool, Some(index) == first));
    print(arguments.json, &serde_json::json!({ "tools": tools }), lines);
    match tools.into_iter().find_map(|tool| tool.problem) {
        Some(problem) => Err(problem),
        None => Ok(()),
    }
}

/// Replaces secrets, after finishing what was interrupted. Answers with every tool that was touched.
///
/// # Errors
/// When nothing could be begun: another run works on this server, or the server is not provisioned.
pub(crate) async fn rotate(layout: &Layout, selection: &Selection) -> Result<Vec<RotatedTool>, Problem> {
    let turn = only_one::turn(layout)?;
    if let Some(note) = lock::acquire(layout, OWNER, turn.run, Utc::now())? {
        tracing::warn!("{note}");
    }
    let work = async {
        let rotations = Rotations::read(layout)?;
        rotations.rotate(selection).await
    };
    let result = tokio::select! {
        result = work => result,
        problem = lock::keep(layout, OWNER, turn.run) => Err(problem),
    };
    lock::release(layout, turn.run)?;
    result
}

/// Finishes what was interrupted, for a provisioning run: it holds the host's lock, and would else render the old values
/// for a database that has the new ones. A rotation that cannot be finished is no reason not to run.
pub async fn finish_interrupted(layout: &Layout) {
    let finish = async {
        let Some(vault) = Vault::open(&VaultFiles::under(&layout.root()))? else { return Ok(()) };
        if journals::interrupted(layout, &vault)?.is_empty() {
            return Ok(());
        }
        let _turn = only_one::turn(layout)?;
        Rotations::read(layout)?.rotate(&Selection::Interrupted).await.map(drop)
    };
    if let Err(problem) = finish.await {
        let problem: Problem = problem;
        tracing::warn!("an interrupted rotation stays unfinished: {problem}");
    }
}

const OWNER: &str = "a rotation of secrets";

/// The server whose secrets are replaced.
struct Rotations {
    server: TenantServer,
}

impl Rotations {
    fn read(layout: &Layout) -> Result<Self, Problem> {
        Ok(Self { server: TenantServer::read(layout)? })
    }

    /// The tools of this server in start order, then the platform's.
    fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.server.tools().chain(self.server.catalog.platform())
    }

    fn tool(&self, name: &str) -> Result<&Tool, Problem> {
        self.tools().find(|tool| tool.name.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = self.tools().map(|tool| tool.name.as_str()).collect();
            cannot(
                &format!("there is no tool {name} on this server"),
                &format!("Tools: {}.", known.join(", ")),
            )
        })
    }

    fn selected(&self, selection: &Selection) -> Result<Vec<&Tool>, Problem> {
        match selection {
            Selection::One(name) => Ok(vec![self.tool(name)?]),
            Selection::All => Ok(self.tools().filter(|tool| !tool.credentials.is_empty()).collect()),
            Selection::Interrupted => Ok(Vec::new()),
        }
    }

    fn plans(&self, selection: &Selection) -> Result<Vec<RotationPlan>, Problem> {
        let vault = self.server.vault()?;
        Ok(self.selected(selection)?.into_iter().map(|tool| plan(tool, &vault)).collect())
    }

    async fn rotate(&self, selection: &Selection) -> Result<Vec<RotatedTool>, Problem> {
        let selected = self.selected(selection)?;
        let interrupted = journals::interrupted(&self.server.layout, &self.server.vault()?)?;
        let mut done = Vec::new();
        for name in &interrupted {
            tracing::info!("{name}: the rotation that was interrupted is finished first");
            done.push(self.told(name, self.resume(name).await));
        }
        let resumed: BTreeSet<&str> = interrupted.iter().map(String::as_str).collect();
        for tool in selected.into_iter().filter(|tool| !resumed.contains(tool.name.as_str())) {
            done.push(self.told(tool.name.as_str(), self.begin(tool).await));
        }
        Ok(done)
    }

    fn told(&self, name: &str, result: Result<RotatedTool, Problem>) -> RotatedTool {
        let tool = name.to_owned();
        let told = result.unwrap_or_else(|problem| RotatedTool {
            tool,
            secrets: 0,
            kept: vec![],
            problem: Some(problem),
        });
        // What went wrong is told by whoever asked for it, once.
        if told.problem.is_none() {
            tracing::info!("{}: rotated, {} secrets are new", told.tool, told.secrets);
        }
        told
    }
}

fn cannot(what: &str, hint: &str) -> Problem {
    Problem::permanent(Code::ROT004, format!("Nothing was rotated: {what}"), hint)
}

fn print(json: bool, value: &serde_json::Value, lines: impl Iterator<Item = String>) {
    let text = if json { value.to_string() } else { lines.collect::<Vec<_>>().join("\n") };
    println!("{text}");
}

fn planned(plan: &RotationPlan) -> String {
    let mut text = match plan.rotates.as_slice() {
        [] => format!("{}: nothing is rotated", plan.tool),
        keys if plan.restarts.is_empty() => format!("{}: {}; stays up", plan.tool, keys.join(", ")),
        keys => format!(
            "{}: {}; makes {} again; away until healthy, at most about {} s",
            plan.tool,
            keys.join(", "),
            plan.restarts.join(", "),
            plan.away_seconds_max
        ),
    };
    for kept in &plan.kept {
        text.push_str(&format!("\n  keeps {}: {}", kept.key, kept.reason));
    }
    text
}

/// The first problem is told in full once, at the end.
fn rotated(tool: &RotatedTool, is_told_later: bool) -> String {
    match &tool.problem {
        Some(problem) if is_told_later => format!("{}: NOT ROTATED: {}", tool.tool, problem.code),
        Some(problem) => format!("{}: NOT ROTATED: {problem}", tool.tool),
        None => format!("{}: {} secrets are new, {} stay", tool.tool, tool.secrets, tool.kept.len()),
    }
}

#[cfg(test)]
mod size;
