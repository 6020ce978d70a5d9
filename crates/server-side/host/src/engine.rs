//! Runs operations in the runbook's order: assess, change, read back, record.

use std::{path::Path, time::Instant};

use async_trait::async_trait;
use letsbe_types::{
    Code, Problem,
    clock::milliseconds,
    crash::{self, Point},
    job::{DesiredServer, Outcome, RunEventKind, STEPS, StepResult},
};
use serde::Serialize;

use crate::{
    change::{Change, Command, Question},
    machine::Machine,
    operation::{Assessment, Operation},
};

/// Pause before the first retry of a command; doubles with each.
const RETRY_PAUSE: std::time::Duration = std::time::Duration::from_secs(2);

/// Time for one operation's facts in a plan. Some operations wait for containers that are starting; a run must not
/// begin with that, because an earlier step may be what they wait for. It asks again in their turn, without a limit.
const PLAN_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// The crash point after a step's start was recorded.
#[must_use]
pub fn started(step: u8) -> Point {
    Point::of_family(format!("step.{step}.started"))
}

/// The crash point after a step's end was recorded.
#[must_use]
pub fn finished(step: u8) -> Point {
    Point::of_family(format!("step.{step}.finished"))
}

/// The crash point after an operation's first change.
#[must_use]
pub fn inside(operation: &str) -> Point {
    Point::of_family(format!("operation.{operation}.inside"))
}

/// Where a run's events go. Recorded means durable.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Appends an event.
    async fn record(&self, event: RunEventKind) -> Result<(), Problem>;

    /// Records what is needed from outside and waits for it; `Err` when it did not come in time.
    async fn ask(&self, question: &Question, patience: std::time::Duration) -> Result<(), Problem>;
}

/// One operation of a plan.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// The runbook's step.
    pub step: u8,
    /// The operation.
    pub operation: &'static str,
    /// What would be done; an error where the facts could not be read (often because an earlier step has yet to run).
    pub assessment: Result<Assessment, Problem>,
    /// How long that took, beside all others.
    #[serde(skip)]
    pub milliseconds: u64,
}

/// A list of operations and the machine they are for.
pub struct Engine<'a> {
    machine: &'a dyn Machine,
    operations: &'a [Box<dyn Operation>],
}

impl<'a> Engine<'a> {
    /// `operations` must be sorted by step.
    #[must_use]
    pub fn new(machine: &'a dyn Machine, operations: &'a [Box<dyn Operation>]) -> Self {
        debug_assert!(operations.is_sorted_by_key(|operation| operation.step()));
        Self { machine, operations }
    }

    /// What a run would change, without changing anything. All facts are read at the same time.
    pub async fn plan(&self, desired: &DesiredServer) -> Vec<Planned> {
        let assessments = self.operations.iter().map(|operation| async move {
            let began = Instant::now();
            let assessed = tokio::time::timeout(PLAN_PATIENCE, operation.assess(self.machine, desired)).await;
            let assessment = assessed.unwrap_or_else(|_| Err(not_known_yet(operation.name())));
            let milliseconds = milliseconds(began.elapsed());
            Planned { step: operation.step(), operation: operation.name(), assessment, milliseconds }
        });
        futures::future::join_all(assessments).await
    }

    /// Makes everything so, step by step; stops at the first operation that fails.
    ///
    /// What the plan read stays valid until the first change; from then on each operation reads anew.
    ///
    /// # Errors
    /// The problem of the operation that failed. It has been recorded.
    pub async fn run(&self, desired: &DesiredServer, journal: &dyn Journal) -> Result<StepResult, Problem> {
        let mut planned: Vec<Option<Planned>> = self.plan(desired).await.into_iter().map(Some).collect();
        let mut gravest = StepResult::Converged;
        for (step, title) in STEPS {
            let range: Vec<usize> =
                (0..self.operations.len()).filter(|index| self.operations[*index].step() == step).collect();
            if range.is_empty() {
                continue;
            }
            let began = Instant::now();
            journal.record(RunEventKind::StepStarted { step, title: title.to_owned() }).await?;
            crash::point(&started(step));
            let mut result = StepResult::Converged;
            for index in range {
                let operation = &*self.operations[index];
                let known = planned[index].take();
                let before = known.as_ref().map_or(0, |planned| planned.milliseconds);
                let known = known.and_then(|planned| planned.assessment.ok());
                let (outcome, milliseconds) = self.perform(operation, known, desired, journal).await;
                if matches!(outcome, Outcome::Changed { .. }) {
                    planned.iter_mut().for_each(|planned| *planned = None);
                }
                result = result.max(outcome.result());
                let failure = match &outcome {
                    Outcome::Failed { problem } => Some(problem.clone()),
                    _ => None,
                };
                let name = operation.name().to_owned();
                journal
                    .record(RunEventKind::Operation {
                        step,
                        operation: name,
                        outcome,
                        milliseconds: before + milliseconds,
                    })
                    .await?;
                if let Some(problem) = failure {
                    self.finish_step(step, result, began, journal).await?;
                    return Err(problem);
                }
            }
            self.finish_step(step, result, began, journal).await?;
            crash::point(&finished(step));
            gravest = gravest.max(result);
        }
        Ok(gravest)
    }

    async fn finish_step(
        &self,
        step: u8,
        result: StepResult,
        began: Instant,
        journal: &dyn Journal,
    ) -> Result<(), Problem> {
        journal
            .record(RunEventKind::StepFinished { step, result, milliseconds: milliseconds(began.elapsed()) })
            .await
    }

    async fn perform(
        &self,
        operation: &dyn Operation,
        known: Option<Assessment>,
        desired: &DesiredServer,
        journal: &dyn Journal,
    ) -> (Outcome, u64) {
        let began = Instant::now();
        let outcome = self.converge(operation, known, desired, journal).await;
        let failed = |problem: Problem| {
            if operation.is_optional() {
                Outcome::Warned { warning: format!("not made, the rest goes on: {problem}") }
            } else {
                Outcome::Failed { problem }
            }
        };
        (outcome.unwrap_or_else(failed), milliseconds(began.elapsed()))
    }

    async fn converge(
        &self,
        operation: &dyn Operation,
        known: Option<Assessment>,
        desired: &DesiredServer,
        journal: &dyn Journal,
    ) -> Result<Outcome, Problem> {
        let assessment = match known {
            Some(assessment) => assessment,
            None => operation.assess(self.machine, desired).await?,
        };
        let (because, changes) = match assessment {
            Assessment::Converged { why } => return Ok(Outcome::Converged { why }),
            Assessment::Warned { warning } => return Ok(Outcome::Warned { warning }),
            Assessment::Skipped { why } => return Ok(Outcome::Skipped { why }),
            Assessment::Needed { because, changes } => (because, changes),
        };
        for (index, change) in changes.iter().enumerate() {
            self.apply(operation.name(), change, journal).await?;
            if index == 0 {
                crash::point(&inside(operation.name()));
            }
        }
        match operation.assess(self.machine, desired).await? {
            Assessment::Converged { .. } | Assessment::Skipped { .. } => {
                Ok(Outcome::Changed { what: because })
            }
            Assessment::Warned { warning } => Ok(Outcome::Warned { warning }),
            Assessment::Needed { because, .. } => Err(Problem::transient(
                Code::NODE010,
                format!("{}: the change was made but does not hold: {because}", operation.name()),
                "Look at the server's journal; something else may be changing it back.",
            )),
        }
    }

    pub(crate) async fn apply(
        &self,
        operation: &str,
        change: &Change,
        journal: &dyn Journal,
    ) -> Result<(), Problem> {
        let failed = |error: crate::MachineError| {
            Problem::transient(
                Code::NODE011,
                format!("{operation}: {error}"),
                "Look at disk space and permissions.",
            )
        };
        match change {
            Change::Run(command) => self.run_command(operation, command).await,
            Change::Write(file) => self.machine.write(file).await.map_err(failed),
            Change::Remove(path) => self.machine.remove(path).await.map_err(failed),
            Change::MakeFolder { path, mode, owner } => {
                self.machine.make_folder(path, *mode).await.map_err(failed)?;
                match owner {
                    Some(owner) => self.run_command(operation, &chown(owner, path)).await,
                    None => Ok(()),
                }
            }
            Change::Ask { question, patience } => journal.ask(question, *patience).await,
        }
    }

    async fn run_command(&self, operation: &str, command: &Command) -> Result<(), Problem> {
        let mut pause = RETRY_PAUSE;
        let (mut attempt, mut restarts) = (0, 0);
        loop {
            let problem = match self.machine.run(command).await {
                Ok(output) if output.success() || command.tolerated => return Ok(()),
                Ok(output) if output.was_killed() && restarts < command.restarts => {
                    restarts += 1;
                    continue;
                }
                Ok(output) => own_problem(&output.stdout).unwrap_or_else(|| {
                    failed_command(
                        operation,
                        command,
                        &format!("exit code {}: {}", output.code, output.tail()),
                    )
                }),
                Err(error) => failed_command(operation, command, &error.to_string()),
            };
            if attempt == command.retries {
                return Err(problem);
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

fn failed_command(operation: &str, command: &Command, what: &str) -> Problem {
    Problem::transient(
        Code::NODE012,
        format!("{operation}: `{command}` failed: {what}"),
        "The message is the program's own. Mend the cause and retry the order.",
    )
}

/// Our own programs print what went wrong as `{"problem": …}`; that says more than their exit code.
fn own_problem(stdout: &str) -> Option<Problem> {
    #[derive(serde::Deserialize)]
    struct Printed {
        problem: Problem,
    }
    serde_json::from_str::<Printed>(stdout.trim().lines().last()?).ok().map(|printed| printed.problem)
}

fn not_known_yet(operation: &str) -> Problem {
    Problem::transient(
        Code::NODE013,
        format!("{operation}: what it would do was not known after {} s", PLAN_PATIENCE.as_secs()),
        "It waits for something that is starting, or that a run would mend. Plan again later, or run.",
    )
}

fn chown(owner: &str, path: &Path) -> Command {
    Command::new("chown", [owner.to_owned(), path.to_string_lossy().into_owned()])
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use async_trait::async_trait;
    use letsbe_types::{
        Problem,
        job::{DesiredServer, Outcome, RunEventKind},
    };

    use super::{Engine, Journal};
    use crate::{
        change::{Change, Command, Question},
        machine::{LocalMachine, Machine},
        operation::{Assessment, Converge},
    };

    /// Takes the first of the endings in a file, and ends so.
    const PROGRAM: &str = r#"read -r ending < endings; sed -i 1d endings
        [ "$ending" != killed ] || kill -9 $$
        exit "$ending""#;

    /// Nobody reads it.
    struct Unread;

    #[async_trait]
    impl Journal for Unread {
        async fn record(&self, _: RunEventKind) -> Result<(), Problem> {
            Ok(())
        }

        async fn ask(&self, _: &Question, _: Duration) -> Result<(), Problem> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_a_signal_ended_goes_on_and_what_a_program_says_is_final() {
        let cases: [(&[&str], usize, bool); 4] = [
            (&["killed", "killed", "0"], 3, true),
            (&["killed", "1", "0"], 2, false),
            (&["killed", "killed", "killed", "0"], 3, false),
            (&["0", "0"], 1, true),
        ];
        for (endings, started, well) in cases {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("endings");
            fs::write(&file, endings.join("\n") + "\n").expect("endings");
            let program = Command::new("sh", ["-c", PROGRAM]).in_folder(folder.path()).restarted(2);
            let applied =
                Engine::new(&LocalMachine, &[]).apply("operation", &Change::Run(program), &Unread).await;
            let left = fs::read_to_string(&file).expect("what is left").lines().count();
            assert_eq!((endings.len() - left, applied.is_ok()), (started, well), "{endings:?}");
        }
    }

    /// Is never made so: its change ends with this code, and is not read back.
    struct Never<const OPTIONAL: bool>(&'static str);

    #[async_trait]
    impl<const OPTIONAL: bool> Converge for Never<OPTIONAL> {
        type Facts = ();
        const NAME: &'static str = "never.made";
        const STEP: u8 = 8;
        const OPTIONAL: bool = OPTIONAL;

        async fn probe(&self, _: &dyn Machine, _: &DesiredServer) -> Result<(), Problem> {
            Ok(())
        }

        fn converge(&self, (): &(), _: &DesiredServer) -> Result<Assessment, Problem> {
            Ok(Assessment::needed("it is not there", vec![Change::Run(Command::words(self.0))]))
        }
    }

    #[tokio::test]
    async fn a_convenience_that_cannot_be_made_is_a_warning_and_anything_else_a_failure() {
        let desired: DesiredServer = serde_json::from_value(serde_json::json!({
            "identity": "i", "domain": "acme.example", "owner_email": "owner@acme.example",
            "timezone": "Europe/Berlin", "tier": "lite", "tools": [], "docker": "distro", "admin_keys": [],
            "registry_mirrors": [], "hub": null,
            "certificates": { "directory_url": null, "directory_roots_pem": null, "issued_roots_pem": null,
                              "contact": "ssl@acme.example" }
        }))
        .expect("a desired server");
        let engine = Engine::new(&LocalMachine, &[]);
        // A program that fails, one that is not there, and one that changes nothing.
        for (program, code) in [("false", "NODE012"), ("/nowhere/apt-get", "NODE012"), ("true", "NODE010")] {
            let (optional, _) = engine.perform(&Never::<true>(program), None, &desired, &Unread).await;
            assert!(
                matches!(&optional, Outcome::Warned { warning } if warning.contains(code)),
                "{optional:?}"
            );
            let (other, _) = engine.perform(&Never::<false>(program), None, &desired, &Unread).await;
            assert!(matches!(&other, Outcome::Failed { problem } if problem.code == code), "{other:?}");
        }
    }
}
