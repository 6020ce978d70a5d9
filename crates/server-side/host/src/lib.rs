//! A server as facts and operations: what is so, what should be so, and the changes between the two.
//!
//! An [`Operation`] reads typed facts (by pure parsers over command output and files) and answers with the changes
//! that are needed: none means converged, with the reason. The same operations serve the plan, the run and the
//! search for drift. After changes are made the facts are read again: success is what was read back.
//!
//! It must never decide *whether* a change is wanted from anything but facts and [`DesiredServer`], run a shell
//! string, or print a secret.
//!
//! [`DesiredServer`]: letsbe_types::job::DesiredServer

pub mod change;
pub mod engine;
pub mod facts;
pub mod machine;
pub mod operation;
pub mod operations;
pub mod process;
pub mod readiness;

pub use change::{Change, Command, FileWrite, Question};
pub use engine::{Engine, Journal, Planned};
pub use machine::{CommandOutput, LocalMachine, Machine, MachineError};
pub use operation::{Assessment, Converge, Operation};
pub use operations::server_operations;
pub use process::Process;
