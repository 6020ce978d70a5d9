//! Backs up the Hub itself.

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};
use letsbe_store::Store;
use letsbe_types::Problem;
use serde::Serialize;

use crate::{
    background::{Activate, Done, Task, registry::HUB_BACKUP},
    backups::own,
    config::{HubBackupConfig, HubConfig},
};

/// The task; `None` where the settings want no backup.
#[must_use]
pub fn hub_backup(store: Store, config: &Arc<HubConfig>, config_file: PathBuf) -> Option<Task> {
    let to = config.backups.hub.clone()?;
    Some(Task::new(HUB_BACKUP, HubBackup { store, config: Arc::clone(config), to, config_file }))
}

struct HubBackup {
    store: Store,
    config: Arc<HubConfig>,
    to: HubBackupConfig,
    config_file: PathBuf,
}

/// What one activation did.
#[derive(Default, PartialEq, Serialize)]
struct Report {
    snapshots: u64,
}

impl Activate for HubBackup {
    type Report = Report;

    async fn activate(&self, now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        let snapshot = own::backup(&self.store, &self.config, &self.to, &self.config_file, now).await?;
        tracing::info!(snapshot, "the Hub is backed up");
        Ok(Done { report: Report { snapshots: 1 }, more: false })
    }
}
