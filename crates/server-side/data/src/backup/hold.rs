//! A tool that stands still for a moment, so that its files belong to its database. Which containers stand still is
//! written down before they do: whoever comes after a dead process lets them go on.

use std::time::Duration;

use letsbe_host::{Command, Machine, Process};
use letsbe_types::{Problem, crash};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::points;
use letsbe_base::{files, layout::Layout};

/// No tool stands still for longer.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// Docker answers within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// `/run/letsbe/backup/paused.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Journal {
    /// Who made them stand still.
    process: Process,
    /// By name.
    containers: Vec<String>,
}

/// Containers that stand still, until [`Hold::release`].
pub(super) struct Hold<'a> {
    machine: &'a dyn Machine,
    layout: &'a Layout,
    containers: Vec<String>,
    since: Instant,
}

impl<'a> Hold<'a> {
    /// Makes these containers stand still.
    ///
    /// # Errors
    /// When one cannot be held; none stands still then.
    pub(super) async fn begin(
        machine: &'a dyn Machine,
        layout: &'a Layout,
        containers: Vec<String>,
    ) -> Result<Self, Problem> {
        let journal = Journal { process: Process::own(), containers: containers.clone() };
        files::write_json(&path(layout), &journal)?;
        let hold = Self { machine, layout, containers, since: Instant::now() };
        let arguments = std::iter::once("pause".to_owned()).chain(hold.containers.iter().cloned());
        let result = docker(machine, Command::new("docker", arguments)).await;
        crash::point(&points::HELD);
        match result {
            Ok(_) => Ok(hold),
            Err(problem) => {
                hold.release().await?;
                Err(problem)
            }
        }
    }

    /// When no more time is left.
    pub(super) fn deadline(&self) -> Instant {
        self.since + LONGEST
    }

    /// Lets them go on; answers how long they stood still.
    ///
    /// # Errors
    /// When one cannot be let go on: it stays written down.
    pub(super) async fn release(self) -> Result<Duration, Problem> {
        let_go_on(self.machine, &self.containers).await?;
        let stood = self.since.elapsed();
        files::remove(&path(self.layout))?;
        crash::point(&points::RELEASED);
        Ok(stood)
    }
}

/// Lets go on what this process, or one that is gone, left standing. What another living one holds is left alone.
///
/// # Errors
/// When a container cannot be let go on.
pub(crate) async fn resume(machine: &dyn Machine, layout: &Layout) -> Result<Vec<String>, Problem> {
    let Some(journal) = files::read_json::<Journal>(&path(layout))? else { return Ok(Vec::new()) };
    if journal.process != Process::own() && journal.process.lives() {
        return Ok(Vec::new());
    }
    tracing::warn!("a backup that was killed left these standing still: {}", journal.containers.join(", "));
    let_go_on(machine, &journal.containers).await?;
    files::remove(&path(layout))?;
    Ok(journal.containers)
}

/// Each by itself: one that is gone or runs already must not keep the others standing.
async fn let_go_on(machine: &dyn Machine, containers: &[String]) -> Result<(), Problem> {
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

/// How a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It works.
    Running,
    /// Somebody made it stand still.
    Paused,
    /// It does not run, or there is none.
    Away,
}

/// How containers are, in the order asked.
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
        "BAK007",
        format!("Docker does not do what a backup needs: {why}"),
        "See `systemctl status docker` on the server. A backup is tried again in the next night.",
    )
}

fn path(layout: &Layout) -> std::path::PathBuf {
    layout.volatile("backup/paused.json")
}

#[cfg(test)]
mod tests {
    use letsbe_host::Process;

    use super::{Hold, Journal, path, resume};
    use crate::backup::{fakes::FakeDocker, lease::tests::Other};
    use letsbe_base::{files, layout::Layout};

    #[tokio::test]
    async fn what_stands_still_is_written_down_before_and_goes_on_after() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::under(root.path());
        let docker = FakeDocker::running(["letsbe-ghost"]);
        let journal = path(&layout);
        docker.on_pause(move || assert!(journal.exists(), "written down first"));
        let hold = Hold::begin(&docker, &layout, vec!["letsbe-ghost".to_owned()]).await.unwrap();
        assert_eq!(docker.paused(), ["letsbe-ghost"]);
        hold.release().await.unwrap();
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
        let process = Process { pid: 4_194_305, started: 1 };
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
        let hold = Hold::begin(&docker, &layout, vec!["a".to_owned(), "gone".to_owned()]).await;
        assert_eq!(hold.err().map(|problem| problem.code), Some("BAK007".to_owned()));
        assert!(docker.paused().is_empty() && !path(&layout).exists());
    }
}
