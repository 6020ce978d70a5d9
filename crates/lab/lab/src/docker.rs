//! The Docker engine of this machine, worked through its command-line client.

mod freezer;

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command};

use crate::wait::eventually;

/// The label that every object of a lab carries; its value is the lab's name.
pub const LAB_LABEL: &str = "biz.letsbe.lab";

/// How long the engine may take to come up.
const ENGINE_START: Duration = Duration::from_secs(30);
/// How often it is started before that is given up.
const ENGINE_STARTS: u32 = 3;
/// How much of a failed command's message is kept.
const KEPT_MESSAGE: usize = 2_000;

/// A command to the engine that failed.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// The client itself could not be run.
    #[error("{what}: the docker client could not be run ({source}); run crates/lab/scripts/install.sh")]
    Client {
        /// What was being done.
        what: String,
        /// Why it could not be run.
        source: std::io::Error,
    },
    /// The engine refused or the command failed.
    #[error("{what}: {message}")]
    Failed {
        /// What was being done.
        what: String,
        /// The end of what the client said.
        message: String,
    },
    /// Something did not come to pass in time.
    #[error("{0}")]
    TimedOut(anyhow::Error),
}

impl DockerError {
    /// A failure with a message of our own.
    pub fn failed(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), message: message.into() }
    }
}

/// Runs the client with these arguments and gives what it printed, without the last line break.
///
/// # Errors
/// When the client cannot be run or says no.
pub async fn docker<S: AsRef<str>>(arguments: &[S]) -> Result<String, DockerError> {
    run("docker", arguments, None).await
}

/// Like [`docker`], with something on its standard input.
///
/// # Errors
/// When the client cannot be run or says no.
pub async fn docker_with_input<S: AsRef<str>>(arguments: &[S], input: &[u8]) -> Result<String, DockerError> {
    run("docker", arguments, Some(input)).await
}

/// Runs a command inside a container and gives what it printed.
///
/// # Errors
/// When the container does not run or the command fails.
pub async fn exec<S: AsRef<str>>(container: &str, command: &[S]) -> Result<String, DockerError> {
    let arguments: Vec<&str> =
        ["exec", container].into_iter().chain(command.iter().map(AsRef::as_ref)).collect();
    docker(&arguments).await
}

/// Runs a command inside a container with this input.
///
/// # Errors
/// When the container does not run or the command fails.
pub async fn exec_with_input<S: AsRef<str>>(
    container: &str,
    command: &[S],
    input: &[u8],
) -> Result<String, DockerError> {
    let arguments: Vec<&str> =
        ["exec", "-i", container].into_iter().chain(command.iter().map(AsRef::as_ref)).collect();
    docker_with_input(&arguments, input).await
}

/// Builds an image from a folder.
///
/// # Errors
/// When a step of the build fails.
pub async fn build(folder: &Path, tags: &[&str]) -> Result<(), DockerError> {
    let mut arguments = vec!["build".to_owned(), "--quiet".to_owned()];
    arguments.extend(tags.iter().flat_map(|tag| ["--tag".to_owned(), (*tag).to_owned()]));
    arguments.push(folder.display().to_string());
    docker(&arguments).await.map(drop)
}

/// Whether there is an image, container, network or volume of that name.
pub async fn exists(kind: &str, name: &str) -> bool {
    docker(&[kind, "inspect", "--format", "found", name]).await.is_ok()
}

/// What a Go template says about a container.
///
/// # Errors
/// When there is no such container.
pub async fn inspect(container: &str, template: &str) -> Result<String, DockerError> {
    docker(&["container", "inspect", "--format", template, container]).await
}

/// The names (or identifiers) of every container, network or volume with this label.
///
/// # Errors
/// When the engine does not answer.
pub async fn labelled(kind: &str, label: &str) -> Result<Vec<String>, DockerError> {
    let filter = format!("label={label}");
    let arguments: &[&str] = match kind {
        "container" => &["container", "ls", "--all", "--quiet", "--filter", &filter],
        _ => &[kind, "ls", "--quiet", "--filter", &filter],
    };
    Ok(docker(arguments).await?.lines().map(str::to_owned).collect())
}

/// Removes containers with their anonymous volumes. A container that is already gone is fine.
///
/// # Errors
/// When the engine refuses for another reason.
pub async fn remove_containers(names: &[String]) -> Result<(), DockerError> {
    for name in names {
        thaw(name).await;
    }
    remove(&["container", "rm", "--force", "--volumes"], names).await
}

/// Kills a container, also one in which something stands still.
///
/// # Errors
/// When it does not die.
pub async fn kill(container: &str) -> Result<(), DockerError> {
    thaw(container).await;
    docker(&["container", "kill", container]).await.map(drop)
}

/// Lets everything in a container go on that was paused in it.
async fn thaw(container: &str) {
    if let Ok(Ok(process)) = inspect(container, "{{.State.Pid}}").await.map(|pid| pid.trim().parse()) {
        freezer::thaw_below(process);
    }
}

/// Removes volumes or networks; one that is already gone is fine.
///
/// # Errors
/// When one is still in use.
pub async fn remove_objects(kind: &str, names: &[String]) -> Result<(), DockerError> {
    remove(&[kind, "rm"], names).await
}

async fn remove(command: &[&str], names: &[String]) -> Result<(), DockerError> {
    if names.is_empty() {
        return Ok(());
    }
    let arguments: Vec<&str> = command.iter().copied().chain(names.iter().map(String::as_str)).collect();
    match docker(&arguments).await {
        Err(DockerError::Failed { message, .. })
            if message.to_lowercase().contains("no such") || message.contains("not found") =>
        {
            Ok(())
        }
        other => other.map(drop),
    }
}

/// Makes sure that the engine answers; starts it, detached, when it does not.
///
/// # Errors
/// When it cannot be started.
pub async fn ensure_engine() -> Result<(), DockerError> {
    if docker(&["info", "--format", "{{.ServerVersion}}"]).await.is_ok() {
        return Ok(());
    }
    let what = "starting the Docker engine";
    let mut outcome = Ok(());
    // An engine that is just dying makes the first start fail.
    for _ in 0..ENGINE_STARTS {
        remove_stale_pid_file(Path::new("/var/run/docker.pid"));
        start_engine().await.map_err(|source| DockerError::Client { what: what.to_owned(), source })?;
        outcome = eventually(what, ENGINE_START, || async {
            let asked = docker(&["info", "--format", "{{.ServerVersion}}"]).await;
            Ok(asked.map(drop).map_err(|error| error.to_string()))
        })
        .await
        .map_err(DockerError::TimedOut);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

async fn start_engine() -> std::io::Result<()> {
    let log = std::fs::File::create("/var/log/letsbe-lab-dockerd.log")?;
    let errors = log.try_clone()?;
    let mut engine = Command::new("setsid");
    engine.args(["--fork", "dockerd"]).stdin(Stdio::null()).stdout(log).stderr(errors);
    engine.status().await.map(drop)
}

/// An engine that was killed leaves its pid file, and the next one refuses to start while that number is in use.
fn remove_stale_pid_file(file: &Path) {
    let Ok(pid) = std::fs::read_to_string(file) else { return };
    let command = std::fs::read_to_string(format!("/proc/{}/comm", pid.trim())).unwrap_or_default();
    if command.trim() != "dockerd" {
        // Should this fail, dockerd says so itself.
        let _ = std::fs::remove_file(file);
    }
}

/// Runs any program of the lab's set-up and gives what it printed.
pub(crate) async fn run<S: AsRef<str>>(
    program: &str,
    arguments: &[S],
    input: Option<&[u8]>,
) -> Result<String, DockerError> {
    let shown: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let what = format!("{program} {}", shown.join(" "));
    let mut child = Command::new(program)
        .args(&shown)
        // The engine of Debian 12 builds without BuildKit; a newer client would insist on it.
        .env("DOCKER_BUILDKIT", "0")
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| DockerError::Client { what: what.clone(), source })?;
    let stdin = child.stdin.take();
    let write = async move {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A program that stops reading tells why by its exit status.
            let _ = stdin.write_all(input).await;
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), write);
    let output = output.map_err(|source| DockerError::Client { what: what.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(DockerError::Failed { what, message: format!("{} ({})", tail(said.trim()), output.status) })
}

fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(KEPT_MESSAGE);
    let from = (from..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_message_ends_on_a_character() {
        let long = "ä".repeat(KEPT_MESSAGE);
        assert!(tail(&long).len() <= KEPT_MESSAGE);
        assert_eq!(tail("short"), "short");
        assert_eq!(tail(""), "");
    }

    #[test]
    fn the_pid_file_of_an_engine_that_is_gone_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("docker.pid");
        for pid in [std::process::id().to_string(), "4194305".to_owned(), String::new()] {
            std::fs::write(&file, pid).unwrap();
            remove_stale_pid_file(&file);
            assert!(!file.exists());
        }
        remove_stale_pid_file(&file);
    }

    #[tokio::test]
    async fn a_failed_command_says_what_failed_and_why() {
        let error = run("sh", &["-c", "echo broken >&2; exit 3"], None).await.unwrap_err().to_string();
        assert!(error.contains("broken") && error.contains('3'), "{error}");
        assert_eq!(run("cat", &[] as &[&str], Some(b"in\n")).await.unwrap(), "in");
    }
}
