//! The actions of a restore, each one good to be done again.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use letsbe_backup::{BackupSet, Repository, SetKind};
use letsbe_catalog::Tool;
use letsbe_host::{Command, Engine, Journal, LocalMachine, Question};
use letsbe_types::{
    Code, Problem, crash,
    job::{Outcome, RunEventKind},
};

use super::{
    RestoredTool,
    completions::{self, Ended},
    exchange,
    journal::{self, Action, AfterFailure, Back, Former, Kind, RestoreJournal},
    points,
    sandbox::{
        Sandbox, Script, docker, folders,
        record::{self, Holding, SandboxRecord},
        remove_all,
    },
    tool,
};
use crate::backup;
use letsbe_base::{
    saga::{self, Saga},
    server::TenantServer,
};

/// What a tool had before stays for so long.
pub(crate) const UNDO: TimeDelta = TimeDelta::days(7);
/// A tool's containers end within this time.
const STOP_TIME: Duration = Duration::from_secs(600);

/// Where a restore reads its set from, while it is not interrupted.
pub(crate) struct Origin<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) set: &'a BackupSet,
}

/// A restore that is carried out.
pub(crate) struct Work<'a> {
    pub(crate) server: &'a TenantServer,
    /// `None` for one that was interrupted, and for an undo: these need no repository.
    pub(crate) origin: Option<Origin<'a>>,
}

impl Work<'_> {
    /// Does one action after the other, each recorded before the next.
    ///
    /// # Errors
    /// Only when it cannot be ended now (`RES007`); how it ended otherwise stands in the answer.
    pub(crate) async fn drive(&self, journal: RestoreJournal) -> Result<RestoredTool, Problem> {
        journal::keep(&self.server.layout, &journal)?;
        crash::point(&points::inside::BEGUN);
        let mut restore = Restore { work: self, journal, hangup: Vec::new() };
        saga::drive(&mut restore).await?;
        Ok(RestoredTool::of(&restore.journal, Utc::now()))
    }

    async fn act(&self, journal: &mut RestoreJournal, action: Action) -> Result<(), Problem> {
        let tool = tool(self.server, &journal.tool)?;
        match action {
            Action::MakeSafety => backup::make_set(self.server, &journal.tool, SetKind::Safety)
                .await
                .map(drop)
                .map_err(|problem| no_safety(&journal.tool, problem)),
            Action::Build => self.build(journal).await,
            Action::StopTool => self.stop(tool).await,
            Action::Exchange => exchange::bring(&journal.pairs, journal.side()),
            Action::Start => self.start(tool).await,
            Action::Finish => self.finish(journal).await,
        }
    }

    async fn build(&self, journal: &mut RestoreJournal) -> Result<(), Problem> {
        let Some(Origin { repository, set }) = &self.origin else {
            return Err(Problem::permanent(
                Code::RES007,
                format!("The restore of {} does not know its set any more", journal.tool),
                "Repeat it.",
            ));
        };
        let script = Script { server: self.server, repository, set };
        let mut sandbox = Sandbox::build_as(&script, journal.sandbox.clone()).await?;
        if !sandbox.differences.is_empty() {
            return Err(different(&journal.tool, &sandbox.differences));
        }
        sandbox.equal.iter().for_each(|line| tracing::info!("{}: as it was stored: {line}", journal.tool));
        sandbox.settle().await?;
        sandbox.hold(Holding::Restore)?;
        journal.pairs = sandbox.pairs()?;
        journal.size = (sandbox.manifest.rows(), sandbox.manifest.files());
        Ok(())
    }

    /// All containers: each holds on to the folders that it was started with.
    async fn stop(&self, tool: &Tool) -> Result<(), Problem> {
        let folder = self.server.layout.stack(tool.name.as_str());
        docker::must(Command::words("docker compose stop").in_folder(folder).within(STOP_TIME))
            .await
            .map(drop)
    }

    /// Brings the tool up with whatever data is in its place, and proves that it works.
    async fn start(&self, tool: &Tool) -> Result<(), Problem> {
        let server = self.server;
        let credentials = server.vault()?.present();
        let catalog = std::sync::Arc::clone(&server.catalog);
        let operations =
            letsbe_stacks::tool_operations(catalog, &server.desired, tool.name.as_str(), credentials)?;
        let healthy = operations.iter().position(|operation| operation.name() == "stacks.healthy");
        let (up, proof) = operations.split_at(healthy.unwrap_or(operations.len()));
        for command in letsbe_stacks::uploads_restored(tool) {
            docker::must(command).await?;
        }
        Engine::new(&LocalMachine, up).run(&server.desired, &Told).await?;
        crash::point(&points::inside::STARTING);
        Engine::new(&LocalMachine, proof).run(&server.desired, &Told).await?;
        self.after(tool).await
    }

    /// The catalog's own commands, in the service that was still.
    async fn after(&self, tool: &Tool) -> Result<(), Problem> {
        let Some(service) = tool.restore.stop.first() else { return Ok(()) };
        for words in &tool.restore.after {
            let fixed = ["compose", "exec", "--no-TTY", service].map(str::to_owned);
            let command = Command::new("docker", fixed.into_iter().chain(words.iter().cloned()));
            let folder = self.server.layout.stack(tool.name.as_str());
            docker::must(command.in_folder(folder).within(STOP_TIME)).await?;
        }
        Ok(())
    }

    async fn finish(&self, journal: &RestoreJournal) -> Result<(), Problem> {
        let (layout, sandbox) = (&self.server.layout, &journal.sandbox);
        let switched = !journal.pairs.is_empty() && journal.back.is_none();
        match (journal.kind, switched) {
            (Kind::Restore { former: Former::Saved | Former::Kept }, true) | (Kind::Undo, true) => {
                docker::remove_containers(sandbox).await?;
                // The secrets of today are no part of what is kept.
                folders::remove_but(&record::folder(layout, sandbox), "stage.json")?;
                if let Some(record) = SandboxRecord::of(layout, sandbox)? {
                    let (now, pairs) = (Utc::now(), journal.pairs.clone());
                    let holding = Holding::Former { until: now + UNDO, switched_at: now, pairs };
                    SandboxRecord { holding, ..record }.keep(layout)?;
                }
            }
            (Kind::Restore { former: Former::Dropped }, true) | (Kind::Restore { .. }, false) => {
                remove_all(layout, sandbox).await?;
            }
            // What could be brought back can still be.
            (Kind::Undo, false) => {}
        }
        crash::point(&points::inside::FINISHING);
        let problem = journal.back.as_ref().map(|back| went_back(&journal.tool, back));
        let ended = Ended {
            tool: journal.tool.clone(),
            set: journal.set,
            taken_at: journal.taken_at,
            is_undo: journal.kind == Kind::Undo,
            began_at: journal.began_at,
            ended_at: Utc::now(),
            problem,
        };
        completions::write_down(layout, ended)
    }
}

/// One tool's restore.
pub(super) struct Restore<'a> {
    work: &'a Work<'a>,
    journal: RestoreJournal,
    hangup: Vec<tokio::signal::unix::Signal>,
}

impl Saga for Restore<'_> {
    type Action = Action;
    const NAME: &'static str = "restore";

    fn actions() -> Vec<Action> {
        Action::ALL.to_vec()
    }

    fn name(action: Action) -> &'static str {
        action.name()
    }

    fn is_last(action: Action) -> bool {
        action == Action::Finish
    }

    fn next(&self) -> Option<Action> {
        self.journal.next()
    }

    fn record(&mut self, action: Action) {
        self.journal.record(action);
    }

    fn keep(&self) -> Result<(), Problem> {
        journal::keep(&self.work.server.layout, &self.journal)
    }

    fn remove(&self) -> Result<(), Problem> {
        journal::remove(&self.work.server.layout, &self.journal.tool)
    }

    async fn act(&mut self, action: Action) -> Result<(), Problem> {
        if action >= Action::StopTool && self.hangup.is_empty() {
            self.hangup = deaf();
        }
        let back = if self.journal.back.is_some() { ", back to what it had" } else { "" };
        tracing::info!("{}: {}{back}", self.journal.tool, action.in_words());
        self.work.act(&mut self.journal, action).await
    }

    fn after_failure(&mut self, action: Action, problem: Problem) -> Result<(), Problem> {
        tracing::warn!("{}: could not {}: {problem}", self.journal.tool, action.in_words());
        match self.journal.after_failure(action, problem) {
            AfterFailure::GoOn => Ok(()),
            AfterFailure::Stay(problem) => Err(unfinished(&self.journal, action, &problem)),
        }
    }
}

/// From here on a closed terminal must not leave the tool stopped.
fn deaf() -> Vec<tokio::signal::unix::Signal> {
    use tokio::signal::unix::{SignalKind, signal};

    [SignalKind::hangup(), SignalKind::interrupt()].into_iter().filter_map(|kind| signal(kind).ok()).collect()
}

fn no_safety(tool: &str, problem: Problem) -> Problem {
    let hint = format!(
        "{} If {tool} is so broken that nothing can be saved of it: --without-safety-set; what it has is put aside \
         for 7 days all the same.",
        problem.hint
    );
    Problem { hint, ..problem }
}

pub(super) fn different(tool: &str, differences: &[String]) -> Problem {
    Problem::permanent(
        Code::RES004,
        format!("The set of {tool} did not come back as its manifest says: {}", differences.join("; ")),
        "The tool was not touched. Use another set, and look at the repository: `letsbe-node backup check`.",
    )
}

pub(super) fn went_back(tool: &str, back: &Back) -> Problem {
    let why = back.problem.clone();
    if !back.is_touched {
        return why;
    }
    let message =
        format!("{tool} has the data that it had before; the restore did not work out: {}", why.message);
    Problem::permanent(Code::RES005, message, why.hint)
}

fn unfinished(journal: &RestoreJournal, action: Action, problem: &Problem) -> Problem {
    Problem::transient(
        Code::RES007,
        format!("The restore of {} is not finished ({}): {}", journal.tool, action.name(), problem.message),
        format!("{} Then: letsbe-node restore --resume", problem.hint),
    )
}

/// The engine's events, for whoever reads the log.
struct Told;

#[async_trait]
impl Journal for Told {
    async fn record(&self, event: RunEventKind) -> Result<(), Problem> {
        if let RunEventKind::Operation { operation, outcome: Outcome::Changed { what }, .. } = event {
            tracing::info!("{operation}: {what}");
        }
        Ok(())
    }

    async fn ask(&self, _: &Question, _: Duration) -> Result<(), Problem> {
        Err(Problem::permanent(Code::NODE062, "a stack asked somebody outside", "Correct the catalog."))
    }
}
