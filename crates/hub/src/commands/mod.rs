//! The Hub's commands, one file each.

mod init;
mod netcup_login;
mod serve;

pub(crate) use init::{add_staff, init};
pub(crate) use netcup_login::netcup_login;
pub(crate) use serve::serve;
