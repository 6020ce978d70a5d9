//! Docker as tests play it, and a key for what is really run.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use chrono::Utc;
use letsbe_host::{
    Command, CommandOutput, FileWrite, LocalMachine, Machine, MachineError, machine::FileState,
};
use letsbe_vault::{BACKUP_KEY, Origin, Vault, VaultFiles};

/// As long as what a provisioning run makes.
const REPOSITORY_KEY: &str = "canary-repository-key-that-is-as-long-as-that-of-a-server";

/// Puts a key for the repositories into the vault of the server under `root`.
pub(crate) fn give_repository_key(root: &Path) {
    Vault::update(&VaultFiles::under(root), &mut rand::rng(), |vault| {
        vault.put(BACKUP_KEY.0, BACKUP_KEY.1, REPOSITORY_KEY.into(), Origin::Made, Utc::now());
        Ok(())
    })
    .unwrap();
}

type Watch = Box<dyn Fn() + Send + Sync>;

/// Containers by name, and whether they stand still.
#[derive(Default)]
pub(super) struct FakeDocker {
    containers: Mutex<BTreeMap<String, bool>>,
    on_pause: Mutex<Option<Watch>>,
    free_bytes: Mutex<Option<u64>>,
}

impl FakeDocker {
    pub(super) fn running<const N: usize>(names: [&str; N]) -> Self {
        let containers = names.into_iter().map(|name| (name.to_owned(), false)).collect();
        Self { containers: Mutex::new(containers), ..Self::default() }
    }

    pub(super) fn on_pause(&self, watch: impl Fn() + Send + Sync + 'static) {
        *self.on_pause.lock().unwrap() = Some(Box::new(watch));
    }

    pub(super) fn pause(&self, name: &str) {
        self.all().insert(name.to_owned(), true);
    }

    pub(super) fn paused(&self) -> Vec<String> {
        self.all().iter().filter(|(_, paused)| **paused).map(|(name, _)| name.clone()).collect()
    }

    /// The disk has so much room left.
    pub(super) fn leave_free(&self, bytes: u64) {
        *self.free_bytes.lock().unwrap() = Some(bytes);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.containers.lock().unwrap()
    }

    fn answer(&self, arguments: &[String]) -> CommandOutput {
        let fine = |text: &str| CommandOutput { stdout: text.to_owned(), ..CommandOutput::default() };
        let refused =
            |text: &str| CommandOutput { code: 1, stderr: text.to_owned(), ..CommandOutput::default() };
        let (verb, names) = (arguments[0].as_str(), &arguments[1..]);
        match verb {
            "pause" => {
                if let Some(watch) = &*self.on_pause.lock().unwrap() {
                    watch();
                }
                for name in names {
                    match self.all().get_mut(name) {
                        Some(paused) => *paused = true,
                        None => return refused("Error response from daemon: No such container"),
                    }
                }
                fine("")
            }
            "unpause" => match self.all().get_mut(&names[0]) {
                Some(paused) if *paused => {
                    *paused = false;
                    fine("")
                }
                _ => refused("is not paused"),
            },
            "inspect" => match self.all().get(&names[names.len() - 1]) {
                None => refused("error: no such object"),
                Some(_) if names.iter().any(|name| name.contains(".Image")) => {
                    fine("some/image:1\tsha256:77\n")
                }
                Some(true) => fine("paused\n"),
                Some(false) => fine("running\n"),
            },
            other => refused(&format!("unexpected: docker {other}")),
        }
    }
}

#[async_trait]
impl Machine for FakeDocker {
    async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
        let free = *self.free_bytes.lock().unwrap();
        match (command.program.as_str(), free) {
            ("docker", _) => Ok(self.answer(&command.arguments)),
            ("df", Some(free)) => {
                let stdout = format!(" Avail 1B-blocks\n {free} 100000000000\n");
                Ok(CommandOutput { stdout, ..CommandOutput::default() })
            }
            _ => LocalMachine.run(command).await,
        }
    }

    async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError> {
        LocalMachine.read(path).await
    }

    async fn list(&self, folder: &Path) -> Result<Vec<String>, MachineError> {
        LocalMachine.list(folder).await
    }

    async fn write(&self, file: &FileWrite) -> Result<(), MachineError> {
        LocalMachine.write(file).await
    }

    async fn remove(&self, path: &Path) -> Result<(), MachineError> {
        LocalMachine.remove(path).await
    }

    async fn make_folder(&self, path: &Path, mode: u32) -> Result<(), MachineError> {
        LocalMachine.make_folder(path, mode).await
    }
}
