//! What several operations read from the server.

use std::{collections::BTreeMap, path::Path, time::Instant};

use letsbe_host::{Command, CommandOutput, Machine, MachineError, machine::FileState};
use letsbe_types::{Code, Problem};
use letsbe_vault::{CREDENTIALS_FILE, Credentials, REGISTRY_KEY_FILE, VAULT_FILE, Vault, VaultError};
use tokio::sync::Mutex;

use super::containers::{self, Container};

/// A fact that could not be read.
pub(crate) fn unreadable(error: &MachineError) -> Problem {
    Problem::transient(
        Code::NODE040,
        error.to_string(),
        "Look at disk space, permissions and what is installed.",
    )
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

/// The vault; `None` before it is seeded.
///
/// One that cannot be opened is an error: making new passwords would lock tools out of their own databases.
pub(crate) async fn vault(machine: &dyn Machine) -> Result<Option<Vault>, Problem> {
    let Some(sealed) = file(machine, VAULT_FILE).await? else { return Ok(None) };
    let missing = || VaultError::Key { path: REGISTRY_KEY_FILE.into(), why: "is missing" };
    let key = file(machine, REGISTRY_KEY_FILE).await?.ok_or_else(missing)?;
    Ok(Some(Vault::unseal(&sealed.content, &key.content)?))
}

/// The credentials that step 9 has made and the vault has yet to take in; `None` if there is no such file.
///
/// A damaged file is an error, for the same reason.
pub(crate) async fn inbox(machine: &dyn Machine) -> Result<Option<Credentials>, Problem> {
    let Some(state) = file(machine, CREDENTIALS_FILE).await? else { return Ok(None) };
    Credentials::from_file(&state.content).map(Some).map_err(|error| {
        Problem::permanent(
            Code::NODE041,
            error.to_string(),
            "Restore the file from a backup. It is never made anew: the tools' databases know the old passwords.",
        )
    })
}

/// The credentials in force; `None` before they are made.
pub(crate) async fn credentials(machine: &dyn Machine) -> Result<Option<Credentials>, Problem> {
    let (vault, inbox) = (vault(machine).await?, inbox(machine).await?);
    Ok(in_force(vault.as_ref(), inbox.as_ref()))
}

/// The vault's values, and of the inbox what the vault does not know.
pub(crate) fn in_force(vault: Option<&Vault>, inbox: Option<&Credentials>) -> Option<Credentials> {
    if vault.is_none() && inbox.is_none() {
        return None;
    }
    let mut all = vault.map(Vault::present).unwrap_or_default();
    for (tool, key, value) in inbox.into_iter().flat_map(Credentials::iter) {
        all.insert_missing(tool, key, value.clone());
    }
    Some(all)
}

/// The containers, read once for all who ask at the same time.
///
/// Nobody gets an answer that was begun before the question: what is read after a change always shows the change.
#[derive(Default)]
pub(crate) struct SharedContainers(Mutex<Option<(Instant, Vec<Container>)>>);

impl SharedContainers {
    /// All containers, ours and others', in whatever state.
    pub(crate) async fn read(&self, machine: &dyn Machine) -> Result<Vec<Container>, Problem> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((begun, containers)) = &*last
            && *begun >= asked
        {
            return Ok(containers.clone());
        }
        let begun = Instant::now();
        let containers = containers(machine).await?;
        *last = Some((begun, containers.clone()));
        Ok(containers)
    }
}

async fn containers(machine: &dyn Machine) -> Result<Vec<Container>, Problem> {
    let output = run(machine, &containers::list_command()).await?;
    if !output.success() {
        return Err(docker_silent(&output));
    }
    containers::parse(&output.stdout).map_err(|why| {
        let message = format!("`docker ps` answered in an unknown form: {why}");
        Problem::permanent(Code::NODE042, message, "Check Docker's version.")
    })
}

/// Docker does not answer.
pub(crate) fn docker_silent(output: &CommandOutput) -> Problem {
    let message = format!("Docker does not answer: {}", output.tail());
    Problem::transient(Code::NODE042, message, "See `systemctl status docker` and `journalctl -u docker`.")
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

/// Whether the program that runs as a unit has been replaced on the disk, by the unit's properties, `MainPID` among them.
pub(crate) async fn is_outdated(
    machine: &dyn Machine,
    unit: &BTreeMap<String, String>,
) -> Result<bool, Problem> {
    let Some(id) = unit.get("MainPID").filter(|id| *id != "0") else { return Ok(false) };
    let program = run(machine, &Command::new("readlink", [format!("/proc/{id}/exe")])).await?;
    Ok(program.stdout.trim_end().ends_with(" (deleted)"))
}

fn parse_properties(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use async_trait::async_trait;
    use letsbe_host::{Command, CommandOutput, FileWrite, Machine, MachineError, machine::FileState};

    use super::SharedContainers;

    /// Counts what is run; each run gives way to others once.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Machine for Counting {
        async fn run(&self, _: &Command) -> Result<CommandOutput, MachineError> {
            let run = self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let stdout = format!("{{\"Names\":\"run-{run}\",\"State\":\"running\",\"Status\":\"Up\"}}\n");
            Ok(CommandOutput { code: 0, stdout, stderr: String::new() })
        }
        async fn read(&self, _: &Path) -> Result<Option<FileState>, MachineError> {
            Ok(None)
        }
        async fn list(&self, _: &Path) -> Result<Vec<String>, MachineError> {
            Ok(vec![])
        }
        async fn write(&self, _: &FileWrite) -> Result<(), MachineError> {
            Ok(())
        }
        async fn remove(&self, _: &Path) -> Result<(), MachineError> {
            Ok(())
        }
        async fn make_folder(&self, _: &Path, _: u32) -> Result<(), MachineError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn questions_asked_together_share_an_answer_and_later_ones_get_a_new_one() {
        let (machine, shared) = (Counting::default(), SharedContainers::default());
        let together = futures::future::join_all((0..8).map(|_| shared.read(&machine))).await;
        assert!(together.iter().all(Result::is_ok));
        assert_eq!(machine.0.load(Ordering::SeqCst), 2, "one for the first, one for all who came meanwhile");
        let later = shared.read(&machine).await.expect("reads");
        assert_eq!(later[0].name, "run-2", "an old answer is never given");
    }
}
