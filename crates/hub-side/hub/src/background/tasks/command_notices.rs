//! Wakes the open requests of tenants' servers whose commands another Hub queued: requests wait in this process.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use letsbe_store::Store;
use letsbe_types::Problem;
use serde::Serialize;

use crate::{
    background::{Activate, Done, Task, registry::COMMAND_NOTICES},
    tenants::Bell,
    worker::store_problem,
};

/// The task.
#[must_use]
pub fn command_notices(store: Store, bell: Bell) -> Task {
    Task::new(COMMAND_NOTICES, CommandNotices { store, bell, newest: Mutex::default() })
}

struct CommandNotices {
    store: Store,
    bell: Bell,
    /// The number of the newest command that was seen.
    newest: Mutex<Option<i64>>,
}

/// What one activation did.
#[derive(Default, PartialEq, Serialize)]
struct Report {
    commands: usize,
}

impl Activate for CommandNotices {
    type Report = Report;

    async fn activate(&self, _now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        let newest = *self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match newest {
            Some(newest) => self.store.commands_after(newest).await,
            None => self.store.newest_command().await.map(|newest| (newest, Vec::new())),
        };
        let (last, tenants) = found.map_err(store_problem)?;
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        if newest.is_none() {
            // What was queued before is not known one by one.
            self.bell.ring_all();
        }
        let report = Report { commands: tenants.len() };
        tenants.into_iter().for_each(|tenant| self.bell.ring(tenant));
        Ok(Done { report, more: false })
    }
}
