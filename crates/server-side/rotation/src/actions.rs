//! The actions of a rotation, each one good to be done again.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::Utc;
use letsbe_catalog::Tool;
use letsbe_host::{Engine, Journal, LocalMachine, Question};
use letsbe_stacks::{tool_operations, upload_operation};
use letsbe_types::{
    Code, Problem, crash,
    job::{Outcome, RunEventKind},
};
use letsbe_vault::{
    Credentials, Vault, Wanted, merge_missing,
    rotation::{Action, AfterFailure, Direction, RotationJournal, RotationValues, plan, unusable, values},
};

use super::{RotatedTool, Rotations, agent, cannot, database::Change, journals, points};
use letsbe_base::{
    audit::write_down,
    saga::{self, Saga},
};

/// A tool whose containers were just made may still become healthy before its rotation begins.
const HEALTHY_BEFORE: Duration = Duration::from_secs(60);

impl Rotations {
    /// Rotates a tool from the beginning.
    pub(super) async fn begin(&self, tool: &Tool) -> Result<RotatedTool, Problem> {
        let name = tool.name.as_str();
        let vault = self.server.vault()?;
        let plan = plan(tool, &vault);
        if plan.rotates.is_empty() {
            return Ok(RotatedTool { tool: plan.tool, secrets: 0, kept: plan.kept, problem: None });
        }
        let journal = RotationJournal::of(plan.rotates.iter().cloned());
        let present = values(&vault, name, &journal.keys, Direction::Old);
        if let [key, ..] = unusable(&present, &plan).as_slice() {
            let what = format!("the present value of {name}/{key} cannot be handed to its database");
            return Err(cannot(&what, "Give it another value by hand first: without control characters."));
        }
        self.healthy_before(tool, &vault).await?;
        journals::keep(&self.server.layout, name, &journal)?;
        crash::point(&points::inside::BEGUN);
        self.drive(tool, journal).await
    }

    /// Goes on with a rotation that was interrupted.
    pub(super) async fn resume(&self, name: &str) -> Result<RotatedTool, Problem> {
        let tool = self.tool(name)?;
        self.drive(tool, journals::of(&self.server.layout, name, &self.server.vault()?)?).await
    }

    /// A rotation must be able to tell whether the tool works with its new secrets.
    async fn healthy_before(&self, tool: &Tool, vault: &Vault) -> Result<(), Problem> {
        let operations = self.operations(tool, vault.present())?;
        let Some(health) = operations.iter().find(|operation| operation.name() == "stacks.healthy") else {
            return Ok(());
        };
        let looked =
            tokio::time::timeout(HEALTHY_BEFORE, health.assess(&LocalMachine, &self.server.desired)).await;
        let hint = "Mend it first, or run the provisioning again.";
        match looked {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(problem)) => Err(cannot(&format!("{} is not well: {}", tool.name, problem.message), hint)),
            Err(_) => Err(cannot(&format!("{} is still starting", tool.name), hint)),
        }
    }

    fn operations(
        &self,
        tool: &Tool,
        credentials: Credentials,
    ) -> Result<Vec<Box<dyn letsbe_host::Operation>>, Problem> {
        let (catalog, desired) = (|| Arc::clone(&self.server.catalog), &self.server.desired);
        let name = tool.name.as_str();
        let mut operations = tool_operations(catalog(), desired, name, credentials.clone())?;
        operations.extend(upload_operation(catalog(), desired, name, credentials)?);
        Ok(operations)
    }

    async fn drive(&self, tool: &Tool, journal: RotationJournal) -> Result<RotatedTool, Problem> {
        let name = tool.name.as_str();
        let mut rotation = Rotation { rotations: self, tool, journal };
        saga::drive(&mut rotation).await?;
        let journal = rotation.journal;
        let kept = plan(tool, &self.server.vault()?).kept;
        let secrets = if journal.back.is_some() { 0 } else { journal.keys.len() };
        Ok(RotatedTool {
            tool: name.to_owned(),
            secrets,
            kept,
            problem: journal.back.map(|why| went_back(name, &why)),
        })
    }

    async fn act(&self, tool: &Tool, journal: &RotationJournal, action: Action) -> Result<(), Problem> {
        let direction = if journal.back.is_some() { Direction::Old } else { Direction::New };
        let vault = self.server.vault()?;
        let values = values(&vault, tool.name.as_str(), &journal.keys, direction);
        match action {
            Action::WriteAhead => self.write_ahead(tool, journal),
            Action::Announce => agent::reload(&self.server.layout).await,
            Action::ChangeDatabase | Action::RestoreDatabase => {
                for change in plan(tool, &vault).databases {
                    self.change(tool, &change, &values).apply().await?;
                }
                Ok(())
            }
            Action::Recreate | Action::RecreateOld => self.recreate(tool, &values).await,
            Action::Prove | Action::ProveOld => {
                for change in plan(tool, &vault).databases {
                    self.change(tool, &change, &values).prove().await?;
                }
                Ok(())
            }
            Action::Commit => self.settle(tool, journal, Vault::commit),
            Action::Abandon => self.settle(tool, journal, Vault::abandon),
            Action::Finish | Action::FinishOld => {
                let did = if journal.back.is_some() { "rotate (went back)" } else { "rotate" };
                write_down(&self.server.layout, did, ("tool", tool.name.as_str()), Utc::now())?;
                // All is decided. The agent looks for changes by itself, only later.
                if let Err(problem) = agent::reload(&self.server.layout).await {
                    tracing::warn!("the agent has not said that it knows the end of it: {problem}");
                }
                Ok(())
            }
        }
    }

    fn change<'a>(
        &self,
        tool: &'a Tool,
        database: &'a letsbe_vault::rotation::DatabaseChange,
        values: &'a RotationValues,
    ) -> Change<'a> {
        Change { machine: &LocalMachine, tool: tool.name.as_str(), database, values }
    }

    fn write_ahead(&self, tool: &Tool, journal: &RotationJournal) -> Result<(), Problem> {
        let name = tool.name.as_str();
        let rotated = tool.credentials.iter().filter(|credential| journal.keys.contains(&credential.key));
        let wanted: Vec<Wanted> = rotated
            .map(|credential| Wanted { tool: name.to_owned(), credential: credential.clone() })
            .collect();
        let made = merge_missing(&Credentials::default(), &wanted, &mut rand::rng());
        let (made, _) =
            made.map_err(|error| cannot(&error.to_string(), "Correct the tool's catalog entry."))?;
        let ahead = |vault: &mut Vault| {
            for (_, key, value) in made.iter() {
                vault.write_ahead(name, key, value.clone(), Utc::now())?;
            }
            Ok(())
        };
        Ok(Vault::update(&self.server.vault_files(), &mut rand::rng(), ahead)?)
    }

    /// Commits or abandons all pending values in one change of the vault.
    fn settle(
        &self,
        tool: &Tool,
        journal: &RotationJournal,
        settle: impl Fn(&mut Vault, &str, &str, chrono::DateTime<Utc>) -> bool,
    ) -> Result<(), Problem> {
        let all = |vault: &mut Vault| {
            for key in &journal.keys {
                settle(vault, tool.name.as_str(), key, Utc::now());
            }
            Ok(())
        };
        Ok(Vault::update(&self.server.vault_files(), &mut rand::rng(), all)?)
    }

    async fn recreate(&self, tool: &Tool, values: &RotationValues) -> Result<(), Problem> {
        let operations = self.operations(tool, values.wanted.clone())?;
        Engine::new(&LocalMachine, &operations).run(&self.server.desired, &Told).await.map(drop)
    }
}

/// One tool's rotation.
pub(super) struct Rotation<'a> {
    rotations: &'a Rotations,
    tool: &'a Tool,
    journal: RotationJournal,
}

impl Rotation<'_> {
    /// Whether the vault may have pending values of the tool.
    fn may_be_pending(&self) -> bool {
        let vault = Vault::open(&self.rotations.server.vault_files()).ok().flatten();
        vault.is_none_or(|vault| vault.rotating().contains(self.tool.name.as_str()))
    }
}

impl Saga for Rotation<'_> {
    type Action = Action;
    const NAME: &'static str = "rotation";

    fn actions() -> Vec<Action> {
        Action::all().collect()
    }

    fn name(action: Action) -> &'static str {
        action.name()
    }

    fn is_last(action: Action) -> bool {
        action.is_last()
    }

    fn next(&self) -> Option<Action> {
        self.journal.next()
    }

    fn record(&mut self, action: Action) {
        self.journal.record(action);
    }

    fn keep(&self) -> Result<(), Problem> {
        journals::keep(&self.rotations.server.layout, self.tool.name.as_str(), &self.journal)
    }

    fn remove(&self) -> Result<(), Problem> {
        journals::remove(&self.rotations.server.layout, self.tool.name.as_str())
    }

    async fn act(&mut self, action: Action) -> Result<(), Problem> {
        tracing::info!("{}: {}", self.tool.name, action.name().replace('_', " "));
        self.rotations.act(self.tool, &self.journal, action).await
    }

    fn after_failure(&mut self, action: Action, problem: Problem) -> Result<(), Problem> {
        let name = self.tool.name.as_str();
        tracing::warn!("{name}: could not {}: {problem}", action.name().replace('_', " "));
        match action.after_failure() {
            AfterFailure::TurnBack => {
                self.journal.turn_back(problem);
                Ok(())
            }
            AfterFailure::Forget if !self.may_be_pending() => {
                self.remove()?;
                Err(problem)
            }
            AfterFailure::Forget | AfterFailure::Stay => Err(Problem::transient(
                Code::ROT006,
                format!("The rotation of {name} is not finished ({}): {}", action.name(), problem.message),
                format!("{} Then: letsbe-node rotate --resume", problem.hint),
            )),
        }
    }

    fn failure_kept(_: Action) -> crash::Point {
        points::inside::TURNED_BACK
    }
}

fn went_back(name: &str, why: &Problem) -> Problem {
    Problem::permanent(
        Code::ROT001,
        format!("{name} keeps its old secrets; the new ones did not work out: {}", why.message),
        why.hint.clone(),
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
        Err(cannot("a stack asked somebody outside", "Correct the catalog."))
    }
}
