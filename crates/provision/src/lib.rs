//! Provisioning: from a job to a server that has been proven from outside.
//!
//! [`provisioner`] runs on our side: it connects over SSH, installs the node program, follows its run, checks the
//! result from outside and reports to the Hub. The steps on the server are operations over `letsbe_host`.
//!
//! It must never depend on one connection staying up, accept a changed host key, put a secret into an argument or
//! a variable, or call a server provisioned that nobody looked at from outside.

pub mod backups;
pub mod bundle;
mod hardening;
pub mod hub_address;
pub mod outside;
pub mod protocol;
pub mod provisioner;
mod quote;
pub mod report;
pub mod ssh;
pub mod stacks;
pub mod verify;
pub mod wishes;

pub use quote::shell_line;
