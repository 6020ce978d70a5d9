//! The Hub's commands, one file each.

mod admin;
mod init;
mod netcup_login;
mod return_server;
mod serve;

pub(crate) use admin::{AdminCommand, admin};
pub(crate) use init::{add_staff, init};
pub(crate) use netcup_login::netcup_login;
pub(crate) use return_server::return_server;
pub(crate) use serve::serve;
