//! The Hub's commands, by subject.

mod admin;
mod asked;
mod check;
mod init;
mod move_database;
mod netcup_login;
mod return_server;
mod serve;
mod staff;

use letsbe_hub::config::HubConfig;
use letsbe_store::Store;

pub(crate) use admin::{AdminCommand, admin};
pub(crate) use asked::{Planned, Yes};
pub(crate) use check::check;
pub(crate) use init::init;
pub(crate) use netcup_login::netcup_login;
pub(crate) use return_server::return_server;
pub(crate) use serve::serve;
pub(crate) use staff::{add_staff, list_staff, remove_staff};

/// The Hub's database; a plan opens it only to read.
async fn store(config: &HubConfig, planned: Planned) -> anyhow::Result<Store> {
    let database = config.database()?;
    Ok(if planned.plan { Store::open_to_read(&database).await? } else { Store::open(&database).await? })
}
