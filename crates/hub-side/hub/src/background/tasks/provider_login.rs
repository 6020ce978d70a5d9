//! Keeps the login at the provider of servers alive: its refresh token dies when it is not used. Each Hub has a token of its
//! own.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use letsbe_netcup::ScpClient;
use letsbe_types::Problem;
use serde::Serialize;

use crate::background::{Activate, Done, Task, registry::PROVIDER_LOGIN};

/// The task.
#[must_use]
pub fn provider_login(client: Arc<ScpClient>) -> Task {
    Task::new(PROVIDER_LOGIN, ProviderLogin(client))
}

struct ProviderLogin(Arc<ScpClient>);

/// What one activation did.
#[derive(Default, PartialEq, Serialize)]
struct Report {
    renewed: u64,
}

impl Activate for ProviderLogin {
    type Report = Report;

    async fn activate(&self, _now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        self.0.keep_login_alive().await.map_err(|error| error.problem)?;
        Ok(Done { report: Report { renewed: 1 }, more: false })
    }
}
