#![doc = include_str!("../README.md")]

mod address;
pub mod api;
pub mod asked;
pub mod backup;
pub mod backups;
pub mod clock;
pub mod crash;
mod domain;
pub mod host_key;
pub mod hub_tasks;
pub mod ids;
pub mod job;
mod language;
pub mod link;
pub mod paths;
pub mod print;
mod printable;
mod problem;
pub mod process;
pub mod recovery;
pub mod refused;
pub mod relay;
mod secret;
pub mod shell;
pub mod tenant;
pub mod tenants;
mod tier;
pub mod work;

pub use address::{is_inner_address, is_own_address, is_own_host, is_private_host};
pub use domain::{DomainName, EmailAddress, InvalidName};
pub use host_key::HostKeyPin;
pub use language::Language;
pub use printable::{harmless, steers_terminal};
pub use problem::{Code, Problem};
pub use secret::Secret;
pub use tier::{Region, Tier, UnknownName};
