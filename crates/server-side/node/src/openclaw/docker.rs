//! What is asked of Docker about OpenClaw's images and container.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use letsbe_catalog::Catalog;
use letsbe_host::{Command, CommandOutput, Engine, Journal, Machine, Operation, Question};
use letsbe_stacks::tool_operations;
use letsbe_types::{
    Code, Problem,
    job::{DesiredServer, Outcome, RunEventKind},
};
use letsbe_vault::{Vault, VaultFiles};

use super::{decide::is_version, volume::CONTAINER};

const PULL_TIME: Duration = Duration::from_secs(1200);
/// Where an image says which version of the program it holds.
const VERSION_LABEL: &str = "org.opencontainers.image.version";

/// Runs a command, whatever its exit code.
pub(super) async fn run(machine: &dyn Machine, command: &Command) -> Result<CommandOutput, Problem> {
    let failed = |error: letsbe_host::MachineError| {
        Problem::transient(
            Code::NODE042,
            error.to_string(),
            "Is Docker installed and running on this server?",
        )
    };
    machine.run(command).await.map_err(failed)
}

/// Runs a command that must succeed.
pub(super) async fn must(
    machine: &dyn Machine,
    command: Command,
    problem: fn(String) -> Problem,
) -> Result<(), Problem> {
    let output = run(machine, &command).await.map_err(|failed| problem(failed.message))?;
    if output.success() { Ok(()) } else { Err(problem(output.tail())) }
}

/// Makes sure that an image is on the server, and answers the version that it declares.
pub(super) async fn fetched(machine: &dyn Machine, image: &str) -> Result<String, Problem> {
    if let Some(version) = declared(machine, image).await? {
        return Ok(version);
    }
    let pull = Command::new("docker", ["pull", "--quiet", image]).within(PULL_TIME);
    must(machine, pull, |why| {
        Problem::transient(
            Code::CLAW003,
            format!("the image of this release cannot be had: {why}"),
            "Is there such a release? Nothing was changed.",
        )
    })
    .await?;
    declared(machine, image).await?.ok_or_else(|| {
        Problem::permanent(
            Code::CLAW003,
            format!("{image} does not say which version it holds (label {VERSION_LABEL})"),
            "Use a release whose image does. Nothing was changed.",
        )
    })
}

/// The version that an image declares; `None` if there is no such image or it declares none.
async fn declared(machine: &dyn Machine, image: &str) -> Result<Option<String>, Problem> {
    let format = format!("{{{{index .Config.Labels {VERSION_LABEL:?}}}}}");
    let inspect = Command::new("docker", ["image", "inspect", "--format", &format, image]);
    let output = run(machine, &inspect).await?;
    let version = output.stdout.trim().to_owned();
    Ok((output.success() && !version.is_empty() && version != "<no value>").then_some(version))
}

/// What the program in the container calls itself.
pub(super) async fn running_version(machine: &dyn Machine) -> Result<String, Problem> {
    let ask = Command::new("docker", ["exec", CONTAINER, "openclaw", "--version"]);
    let output = run(machine, &ask).await?;
    if output.success() {
        return Ok(output.stdout.trim().to_owned());
    }
    Err(Problem::transient(
        Code::CLAW005,
        "the program in the container does not say its version",
        "See `docker logs --tail 100 letsbe-openclaw` on the server.",
    ))
}

/// OpenClaw's stack as this server's files want it.
pub(super) struct Stack {
    pub(super) catalog: Arc<Catalog>,
    pub(super) desired: DesiredServer,
    pub(super) vault: VaultFiles,
}

impl Stack {
    fn operations(&self) -> Result<Vec<Box<dyn Operation>>, Problem> {
        let vault = Vault::open(&self.vault)?;
        let credentials = vault.map(|vault| vault.present()).unwrap_or_default();
        tool_operations(Arc::clone(&self.catalog), &self.desired, "openclaw", credentials)
    }

    /// Brings the stack up from the present pin, and proves it. With a `version`, the program must call itself so
    /// before anything else is waited for.
    pub(super) async fn bring_up(&self, machine: &dyn Machine, version: Option<&str>) -> Result<(), Problem> {
        let operations = self.operations()?;
        let healthy = operations.iter().position(|operation| operation.name() == "stacks.healthy");
        let (start, prove) = operations.split_at(healthy.unwrap_or(operations.len()));
        Engine::new(machine, start).run(&self.desired, &Quiet).await?;
        if let Some(version) = version {
            let said = running_version(machine).await?;
            if !is_version(&said, version) {
                let said: String = said.chars().filter(|c| !c.is_control()).take(80).collect();
                return Err(Problem::permanent(
                    Code::CLAW005,
                    format!("the program calls itself {said:?}, but its image declares {version}"),
                    "Do not use this image; somebody else may have made it.",
                ));
            }
        }
        Engine::new(machine, prove).run(&self.desired, &Quiet).await.map(drop)
    }
}

/// Says what is done in the log; the update has a record of its own.
struct Quiet;

#[async_trait]
impl Journal for Quiet {
    async fn record(&self, event: RunEventKind) -> Result<(), Problem> {
        if let RunEventKind::Operation { operation, outcome, .. } = event {
            match outcome {
                Outcome::Changed { what } => tracing::info!("{operation}: {what}"),
                other => tracing::debug!(operation, ?other, "OpenClaw"),
            }
        }
        Ok(())
    }

    async fn ask(&self, _: &Question, _: Duration) -> Result<(), Problem> {
        Err(Problem::permanent(Code::NODE062, "an update asks nobody outside", "Report this as a bug."))
    }
}
