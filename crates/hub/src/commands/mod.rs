//! The Hub's commands, by subject.

mod admin;
mod asked;
mod check;
mod init;
mod netcup_login;
mod return_server;
mod serve;
mod staff;

pub(crate) use admin::{AdminCommand, admin};
pub(crate) use asked::{Planned, Yes};
pub(crate) use check::check;
pub(crate) use init::init;
pub(crate) use netcup_login::netcup_login;
pub(crate) use return_server::return_server;
pub(crate) use serve::serve;
pub(crate) use staff::{add_staff, list_staff, remove_staff};
