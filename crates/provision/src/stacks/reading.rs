//! What several operations read from the server.

use std::{collections::BTreeMap, path::Path};

use letsbe_host::{Command, CommandOutput, Machine, MachineError, machine::FileState};
use letsbe_types::Problem;
use letsbe_vault::{CREDENTIALS_FILE, Credentials};

use super::containers::{self, Container};

/// A fact that could not be read.
pub(crate) fn unreadable(error: &MachineError) -> Problem {
    Problem::transient("NODE040", error.to_string(), "Look at disk space, permissions and what is installed.")
}

/// A file; `None` if there is none.
pub(crate) async fn file(
    machine: &dyn Machine,
    path: impl AsRef<Path>,
) -> Result<Option<FileState>, Problem> {
    machine.read(path.as_ref()).await.map_err(|error| unreadable(&error))
}

/// A program's output, whatever its exit code.
pub(crate) async fn run(machine: &dyn Machine, command: &Command) -> Result<CommandOutput, Problem> {
    machine.run(command).await.map_err(|error| unreadable(&error))
}

/// The credentials; `None` before they are made.
///
/// A damaged file is an error: making new passwords over it would lock tools out of their own databases.
pub(crate) async fn credentials(machine: &dyn Machine) -> Result<Option<Credentials>, Problem> {
    let Some(state) = file(machine, CREDENTIALS_FILE).await? else { return Ok(None) };
    Credentials::from_file(&state.content).map(Some).map_err(|error| {
        Problem::permanent(
            "NODE041",
            error.to_string(),
            "Restore the file from a backup. It is never made anew: the tools' databases know the old passwords.",
        )
    })
}

/// All containers that Compose made, in whatever state.
pub(crate) async fn containers(machine: &dyn Machine) -> Result<Vec<Container>, Problem> {
    let output = run(machine, &containers::list_command()).await?;
    if !output.success() {
        return Err(docker_silent(&output));
    }
    containers::parse(&output.stdout).map_err(|why| {
        Problem::permanent(
            "NODE042",
            format!("`docker ps` answered in an unknown form: {why}"),
            "Check Docker's version.",
        )
    })
}

/// Docker does not answer.
pub(crate) fn docker_silent(output: &CommandOutput) -> Problem {
    let message = format!("Docker does not answer: {}", output.tail());
    Problem::transient("NODE042", message, "See `systemctl status docker` and `journalctl -u docker`.")
}

/// Whether the server has IPv6 at all: nginx fails to start when it is told to listen on what is not there.
pub(crate) async fn has_ipv6(machine: &dyn Machine) -> Result<bool, Problem> {
    let addresses = file(machine, "/proc/net/if_inet6").await?;
    Ok(addresses.is_some_and(|state| !state.content.trim().is_empty()))
}

/// Properties of a systemd unit.
pub(crate) async fn unit(
    machine: &dyn Machine,
    name: &str,
    properties: &str,
) -> Result<BTreeMap<String, String>, Problem> {
    let property = format!("--property={properties}");
    let command = Command::new("systemctl", ["show", name, &property, "--timestamp=unix"]);
    Ok(parse_properties(&run(machine, &command).await?.stdout))
}

fn parse_properties(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
