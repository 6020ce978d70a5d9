//! Our side of the SSH connection: from a job to a server that has been proven from outside.
//!
//! [`provisioner`] connects over SSH, installs the node program, follows its run, checks the result from outside and
//! reports to the Hub. What runs on the server is `letsbe_stacks`; what both say to each other is `letsbe_protocol`.
//!
//! It must never depend on one connection staying up, accept a changed host key, put a secret into an argument or
//! a variable, or call a server provisioned that nobody checked from outside.

pub mod job;
pub mod outside;
pub mod provisioner;
pub mod report;
pub mod ssh;
