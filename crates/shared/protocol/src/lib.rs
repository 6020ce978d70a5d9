//! The protocol between our side of an SSH connection and the node program on the server.
//!
//! One command's input and output: what is sent ([`bundle`], [`desired`]), the node program's commands
//! ([`NodeCommand`]), the lines that come back ([`NodeLine`]), and the exit codes. Both sides name the same user and
//! port here; the paths of a server are in `letsbe_types::paths`.
//!
//! It must never open a connection, start a process, or change what an older program on a live server can read.

pub mod bundle;
mod command;
pub mod desired;
pub mod hub_address;
mod lines;

pub use command::{
    BackupCommand, BackupRun, NodeCommand, Output, ProofScope, RecoveredPart, RestoreCommand, RotateCommand,
    RunCommand, Wanted,
};
pub use lines::{Installed, NodeLine, PlannedAssessment, PlannedOperation};

/// The only user who may log in from outside; the provisioner logs in as it once it exists.
pub const ADMIN_USER: &str = "letsbe-admin";
/// The port that SSH ends up on.
pub const ADMIN_PORT: u16 = 22022;

/// Exit code of `letsbe-node run start`: program or bundle are not the ones asked for; install, then start again.
pub const EXIT_STALE: i64 = 40;
/// Exit code of `letsbe-node run start` and `run attach`: the run's unit is gone without an end; start it again.
pub const EXIT_GONE: i64 = 41;
/// The shell's own exit code for a program that does not exist.
pub const EXIT_NO_PROGRAM: i64 = 127;
