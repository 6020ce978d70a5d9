#![doc = include_str!("../README.md")]

pub mod change;
pub mod engine;
pub mod facts;
pub mod machine;
pub mod operation;
pub mod operations;
pub mod readiness;

pub use change::{Change, Command, FileWrite, Question};
pub use engine::{Engine, Journal, Planned};
pub use machine::{CommandOutput, LocalMachine, Machine, MachineError};
pub use operation::{Assessment, Converge, Operation};
pub use operations::server_operations;
