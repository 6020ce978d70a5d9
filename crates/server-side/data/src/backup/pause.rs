//! Pauses a tool's containers (`docker pause`) while its files are copied, so that files and database agree. The list is
//! written to `paused.json` first; if this process dies, the next one unpauses them.

use std::time::Duration;

use letsbe_host::{Command, Machine};
use letsbe_types::{Code, Problem, crash, process::Process};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::points;
use letsbe_base::{files, layout::Layout};

/// No tool is paused for longer.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// Docker answers within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// `/run/letsbe/backup/paused.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Journal {
    /// The process that paused them.
    process: Process,
    /// Their names.
    containers: Vec<String>,
}

/// Containers that are paused, until [`Pause::release`].
pub(super) struct Pause<'a> {
    machine: &'a dyn Machine,
    layout: &'a Layout,
    containers: Vec<String>,
    since: Instant,
}

impl<'a> Pause<'a> {
    /// Pauses these containers.
    ///
    /// # Errors
    /// When one cannot be paused; then none is.
    pub(super) async fn begin(
        machine: &'a dyn Machine,
        layout: &'a Layout,
        containers: Vec<String>,
    ) -> Result<Self, Problem> {
        let journal = Journal { process: Process::own(), containers: containers.clone() };
        files::write_json(&path(layout), &journal)?;
        let pause = Self { machine, layout, containers, since: Instant::now() };
        let arguments = std::iter::once("pause".to_owned()).chain(pause.containers.iter().cloned());
        let result = docker(machine, Command::new("docker", arguments)).await;
        crash::point(&points::HELD);
        match result {
            Ok(_) => Ok(pause),
            Err(problem) => {
                pause.release().await?;
                Err(problem)
            }
        }
    }

    /// When they must be unpaused.
    pub(super) fn deadline(&self) -> Instant {
        self.since + LONGEST
    }

    /// Unpauses them; answers how long they were paused.
    ///
    /// # Errors
    /// When one cannot be unpaused: it stays in the list.
    pub(super) async fn release(self) -> Result<Duration, Problem> {
        unpause(self.machine, &self.containers).await?;
        let paused_for = self.since.elapsed();
        files::remove(&path(self.layout))?;
        crash::point(&points::RELEASED);
        Ok(paused_for)
    }
}

/// Unpauses what this process, or one that is gone, left paused. What another living process has paused is left alone.
///
/// # Errors
/// When a container cannot be unpaused.
pub(crate) async fn resume(machine: &dyn Machine, layout: &Layout) -> Result<Vec<String>, Problem> {
    let Some(journal) = files::read_json::<Journal>(&path(layout))? else { return Ok(Vec::new()) };
    if journal.process != Process::own() && journal.process.lives() {
        return Ok(Vec::new());
    }
    tracing::warn!(
        "a backup that was killed left these containers paused: {}",
        journal.containers.join(", ")
    );
    unpause(machine, &journal.containers).await?;
    files::remove(&path(layout))?;
    Ok(journal.containers)
}

/// One by one: a container that is gone or runs already must not keep the others paused.
async fn unpause(machine: &dyn Machine, containers: &[String]) -> Result<(), Problem> {
    let mut stuck = None;
    for container in containers {
        let result = docker(machine, Command::new("docker", ["unpause", container.as_str()])).await;
        if let Err(problem) = result
            && is_paused(machine, container).await
        {
            stuck = Some(problem);
        }
    }
    stuck.map_or(Ok(()), Err)
}

async fn is_paused(machine: &dyn Machine, container: &str) -> bool {
    match states(machine, &[container.to_owned()]).await {
        Ok(states) => states.first() == Some(&State::Paused),
        Err(_) => true,
    }
}

/// The state of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It runs.
    Running,
    /// It is paused.
    Paused,
    /// It does not run, or there is none.
    Away,
}

/// The states of containers, in this order.
///
/// # Errors
/// When Docker does not answer.
pub(super) async fn states(machine: &dyn Machine, containers: &[String]) -> Result<Vec<State>, Problem> {
    let mut states = Vec::new();
    for container in containers {
        let inspect = ["inspect", "--type", "container", "--format", "{{.State.Status}}", container];
        let output = machine.run(&Command::new("docker", inspect).within(PATIENCE)).await.map_err(silent)?;
        states.push(match output.stdout.trim() {
            "running" if output.success() => State::Running,
            "paused" if output.success() => State::Paused,
            _ if output.success() || output.stderr.to_lowercase().contains("no such") => State::Away,
            _ => return Err(silent(output.tail())),
        });
    }
    Ok(states)
}

async fn docker(machine: &dyn Machine, command: Command) -> Result<String, Problem> {
    let output = machine.run(&command.within(PATIENCE)).await.map_err(silent)?;
    if output.success() { Ok(output.stdout) } else { Err(silent(output.tail())) }
}

/// A problem with Docker.
pub(super) fn silent(why: impl std::fmt::Display) -> Problem {
    Problem::transient(
        Code::BAK007,
        format!("Docker does not do what a backup needs: {why}"),
        "See `systemctl status docker` on the server. A backup is tried again in the next night.",
    )
}

fn path(layout: &Layout) -> std::path::PathBuf {
    layout.volatile("backup/paused.json")
}

#[cfg(test)]
mod tests {
    use letsbe_types::process::Process;

    use super::{Journal, Pause, path, resume};
    use crate::backup::{fakes::FakeDocker, lease::tests::Other};
    use letsbe_base::{files, layout::Layout};

    #[tokio::test]
    async fn what_stands_still_is_written_down_before_and_goes_on_after() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::under(root.path());
        let docker = FakeDocker::running(["letsbe-ghost"]);
        let journal = path(&layout);
        docker.on_pause(move || assert!(journal.exists(), "written down first"));
        let pause = Pause::begin(&docker, &layout, vec!["letsbe-ghost".to_owned()]).await.unwrap();
        assert_eq!(docker.paused(), ["letsbe-ghost"]);
        pause.release().await.unwrap();
        assert!(docker.paused().is_empty() && !path(&layout).exists());
    }

    #[tokio::test]
    async fn what_a_killed_process_left_standing_goes_on_even_if_one_of_them_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::under(root.path());
        let docker = FakeDocker::running(["a", "b"]);
        docker.pause("b");
        let other = Other::start();
        let theirs = Journal { process: other.process(), containers: vec!["b".to_owned()] };
        files::write_json(&path(&layout), &theirs).unwrap();
        assert_eq!(resume(&docker, &layout).await.unwrap(), [""; 0], "a living process is left alone");
        let process: Process = "4194305:1".parse().unwrap();
        let containers = vec!["gone".to_owned(), "a".to_owned(), "b".to_owned()];
        files::write_json(&path(&layout), &Journal { process, containers: containers.clone() }).unwrap();
        assert_eq!(resume(&docker, &layout).await.unwrap(), containers);
        assert!(docker.paused().is_empty() && !path(&layout).exists());
        assert_eq!(resume(&docker, &layout).await.unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn a_tool_that_cannot_be_held_whole_is_not_held_at_all() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::under(root.path());
        let docker = FakeDocker::running(["a"]);
        let pause = Pause::begin(&docker, &layout, vec!["a".to_owned(), "gone".to_owned()]).await;
        assert_eq!(pause.err().map(|problem| problem.code), Some("BAK007".to_owned()));
        assert!(docker.paused().is_empty() && !path(&layout).exists());
    }
}
