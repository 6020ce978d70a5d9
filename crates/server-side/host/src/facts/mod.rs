//! Typed facts, read by pure parsers from the output of programs and from files.
//!
//! A parser never fails on lines it does not know: programs add lines between releases. What matters is asked for
//! by name, and its absence is then a fact too.

pub mod apt;
pub mod firewall;
pub mod packages;
pub mod services;
pub mod sockets;
pub mod ssh;
pub mod sshd_config;
pub mod system;

use std::path::Path;

use letsbe_types::{Code, Problem};

use crate::{
    change::Command,
    machine::{CommandOutput, Machine, MachineError},
};

/// The problem of facts that cannot be read.
fn unreadable(error: &MachineError) -> Problem {
    Problem::transient(
        Code::HOST009,
        format!("the server's state cannot be read: {error}"),
        "See that the program or file named is there and that this runs as root.",
    )
}

/// Runs a program that only reads.
///
/// # Errors
/// When it cannot be started or does not end. Any exit code is an answer.
pub async fn ask(machine: &dyn Machine, words: &str) -> Result<CommandOutput, Problem> {
    machine.run(&Command::words(words)).await.map_err(|error| unreadable(&error))
}

/// As [`ask`], but a program that is not there is an answer too: `None`.
///
/// # Errors
/// When it does not end.
pub async fn ask_if_there(machine: &dyn Machine, words: &str) -> Result<Option<CommandOutput>, Problem> {
    match machine.run(&Command::words(words)).await {
        Ok(output) => Ok(Some(output)),
        Err(MachineError::Start { .. }) => Ok(None),
        Err(error) => Err(unreadable(&error)),
    }
}

/// Reads a text file; `None` if there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub async fn text_of(machine: &dyn Machine, path: impl AsRef<Path>) -> Result<Option<String>, Problem> {
    let file = machine.read(path.as_ref()).await.map_err(|error| unreadable(&error))?;
    Ok(file.map(|file| file.content))
}

/// Whether a file is there with exactly this content and mode, owned by root.
///
/// # Errors
/// When it is there and cannot be read.
pub async fn holds(machine: &dyn Machine, path: &str, mode: u32, content: &str) -> Result<bool, Problem> {
    let file = machine.read(Path::new(path)).await.map_err(|error| unreadable(&error))?;
    Ok(file.is_some_and(|file| file.content == content && file.mode == mode && file.uid == 0))
}

/// Names in a folder; empty if there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub async fn names_in(machine: &dyn Machine, folder: &str) -> Result<Vec<String>, Problem> {
    machine.list(Path::new(folder)).await.map_err(|error| unreadable(&error))
}
