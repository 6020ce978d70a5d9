//! The edge: where commands run and files are read and written.

use std::{
    io::{ErrorKind, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use async_trait::async_trait;
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;

use crate::change::{Command, FileWrite};

/// Output of one program is kept up to this size; the rest is cut off.
const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// What a program left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandOutput {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output, lossily decoded.
    pub stdout: String,
    /// Standard error, lossily decoded.
    pub stderr: String,
}

impl CommandOutput {
    /// Whether the exit code was 0.
    #[must_use]
    pub const fn success(&self) -> bool {
        self.code == 0
    }

    /// Whether a signal ended it.
    #[must_use]
    pub const fn was_killed(&self) -> bool {
        self.code == -1
    }

    /// The last lines of the error output (or, failing that, of the output): for people.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(4)..].join(" ⏎ ").chars().take(600).collect()
    }
}

/// Why something could not be run, read or written.
#[derive(Debug, Error)]
pub enum MachineError {
    /// The program could not be started.
    #[error("{program} could not be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program took too long and was killed.
    #[error("{program} was stopped after {} s", .after.as_secs())]
    Timeout {
        /// The program.
        program: String,
        /// The time it had.
        after: Duration,
    },
    /// A file or folder could not be used.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Mode and owner of a file, with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// The content, lossily decoded.
    pub content: String,
    /// Unix mode bits (`0o777` mask).
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
}

/// A server that operations are run on. The lab and the tests bring their own.
#[async_trait]
pub trait Machine: Send + Sync {
    /// Runs a program to its end. Any exit code is an answer, not an error.
    async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError>;
    /// Reads a file; `None` if there is none, a folder for example.
    async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError>;
    /// Names in a folder, sorted; empty if there is no such folder, a file for example.
    async fn list(&self, folder: &Path) -> Result<Vec<String>, MachineError>;
    /// Writes a file atomically: a crash leaves the old or the new content, never half.
    async fn write(&self, file: &FileWrite) -> Result<(), MachineError>;
    /// Removes a file; fine if it is not there.
    async fn remove(&self, path: &Path) -> Result<(), MachineError>;
    /// Makes a folder with its parents and sets its mode.
    async fn make_folder(&self, path: &Path, mode: u32) -> Result<(), MachineError>;
}

/// The machine this program runs on.
#[derive(Debug, Default, Clone, Copy)]
pub struct LocalMachine;

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> MachineError + '_ {
    move |source| MachineError::File { path: path.to_owned(), source }
}

fn lossy(mut bytes: Vec<u8>) -> String {
    bytes.truncate(OUTPUT_BYTES_MAX);
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Command {
    /// The process that this command becomes on the local machine: it reads and writes through pipes, and ends with
    /// whoever waits for it.
    #[must_use]
    pub fn process(&self) -> tokio::process::Command {
        let mut process = tokio::process::Command::new(&self.program);
        process
            .args(&self.arguments)
            .env("LC_ALL", "C.UTF-8")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            process.current_dir(folder);
        }
        process
    }
}

#[async_trait]
impl Machine for LocalMachine {
    async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
        let start = |source| MachineError::Start { program: command.program.clone(), source };
        let mut child = command.process().spawn().map_err(start)?;
        let feed = child.stdin.take().zip(command.input.clone());
        let feeding = async {
            if let Some((mut pipe, input)) = feed {
                // A program may end without reading its input; its exit code then tells.
                let _ = pipe.write_all(input.expose().as_bytes()).await;
            }
        };
        // At the same time: a program that is not read from stops reading.
        let work = async { tokio::join!(feeding, child.wait_with_output()).1 };
        let timeout = || MachineError::Timeout { program: command.program.clone(), after: command.timeout };
        let output =
            tokio::time::timeout(command.timeout, work).await.map_err(|_| timeout())?.map_err(start)?;
        Ok(CommandOutput {
            code: output.status.code().unwrap_or(-1),
            stdout: lossy(output.stdout),
            stderr: lossy(output.stderr),
        })
    }

    async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError> {
        let metadata = match std::fs::metadata(path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            other => other.map_err(at(path))?,
        };
        if metadata.is_dir() {
            return Ok(None);
        }
        let content = lossy(std::fs::read(path).map_err(at(path))?);
        Ok(Some(FileState { content, mode: metadata.mode() & 0o7777, uid: metadata.uid() }))
    }

    async fn list(&self, folder: &Path) -> Result<Vec<String>, MachineError> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            other => other.map_err(at(folder))?,
        };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }

    async fn write(&self, file: &FileWrite) -> Result<(), MachineError> {
        let path = &file.path;
        let folder = path.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        let mut temporary =
            tempfile::Builder::new().prefix(".letsbe-").tempfile_in(folder).map_err(at(path))?;
        let permissions = std::fs::Permissions::from_mode(file.mode);
        temporary.as_file().set_permissions(permissions).map_err(at(path))?;
        temporary.write_all(file.content.expose().as_bytes()).map_err(at(path))?;
        temporary.as_file().sync_all().map_err(at(path))?;
        if let Some(owner) = &file.owner {
            let temporary_path = temporary.path().to_string_lossy().into_owned();
            let output = self.run(&Command::new("chown", [owner.clone(), temporary_path])).await?;
            if !output.success() {
                return Err(at(path)(std::io::Error::other(output.tail())));
            }
        }
        temporary.persist(path).map_err(|error| at(path)(error.error))?;
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
    }

    async fn remove(&self, path: &Path) -> Result<(), MachineError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map_err(at(path)),
        }
    }

    async fn make_folder(&self, path: &Path, mode: u32) -> Result<(), MachineError> {
        std::fs::create_dir_all(path).map_err(at(path))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(at(path))
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::Secret;

    use super::{LocalMachine, Machine as _};
    use crate::change::Command;

    #[tokio::test]
    async fn a_program_that_answers_while_it_reads_is_read_from_while_it_is_fed() {
        let megabyte = "a line of a list\n".repeat(1 << 16);
        let cat = Command::new("cat", ["-"]).with_input(Secret::new(megabyte.clone()));
        let output = LocalMachine.run(&cat).await.expect("it ends");
        assert!(output.success() && output.stdout == megabyte);
        // One that reads nothing ends all the same.
        let none = Command::new("true", [""; 0]).with_input(Secret::new(megabyte));
        assert!(LocalMachine.run(&none).await.expect("it ends").success());
    }
}
