//! A server is lost, and the customer comes back on another one: played on a fleet, by the test and by the demo.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use letsbe_types::{
    api::{OrderDetail, TimelineEntry},
    backup::{BackupStatus, Ending, RemoteSync},
};

use crate::{
    content::{self, Inventory},
    fleet::{Customer, ESCROW_IDENTITY, Fleet},
    services::{Account, Theft},
};

const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// What the command line says of a Hub that died before its answer was whole.
const NO_ANSWER: [&str; 2] = ["[HUB003]", "the reply of the Hub at"];
/// What the Hub says to somebody who asks again.
const HEARD: &str = "A recovery of this server is under way";

/// What is at stake: an order's server with its content, backed up.
pub struct Before {
    /// The order.
    pub order: OrderDetail,
    /// What was on the server when it was backed up.
    pub inventory: Inventory,
    /// A moment after the backup, by the server's clock.
    pub safe_at: String,
}

/// How the customer came back.
pub struct After {
    /// The order.
    pub order: OrderDetail,
    /// From the operator's command to the proven server.
    pub took: Duration,
}

/// Fills an order's server with content and backs it up, the copy outside too.
///
/// # Errors
/// When anything of it does not work.
pub async fn prepare(fleet: &Fleet, order: OrderDetail) -> anyhow::Result<Before> {
    let host = fleet.machines.host(order.summary.domain.as_str())?;
    content::fill(&host).await?;
    let inventory = content::inventory(&host).await?;
    host.exec(&["/opt/letsbe/scripts/backups.sh"]).await?;
    let status: BackupStatus =
        serde_json::from_str(&host.exec(&["cat", "/opt/letsbe/backups/backup-status.json"]).await?)?;
    ensure!(status.status == Ending::Success && status.remote_sync == RemoteSync::Success, "{status:?}");
    // Versions carry whole seconds.
    let safe_at = host.script("sleep 1; date -u +%Y-%m-%dT%H:%M:%SZ; sleep 1").await?.trim().to_owned();
    Ok(Before { order, inventory, safe_at })
}

/// A thief with root on the server takes its key for the far side and deletes there what he can.
///
/// # Errors
/// When the server's destination cannot be read.
pub async fn rob(fleet: &Fleet, before: &Before) -> anyhow::Result<Theft> {
    let host = fleet.machines.host(before.order.summary.domain.as_str())?;
    let destination: serde_json::Value =
        serde_json::from_str(&host.exec(&["cat", "/opt/letsbe/state/destination.json"]).await?)?;
    let text = |name: &str| destination[name].as_str().map(str::to_owned).with_context(|| name.to_owned());
    let credentials = crate::vault::host_credentials(&host).await?;
    let secret = credentials.get("backup", "destination_secret").context("the destination's secret")?.clone();
    let account = Account { access_key_id: text("access_key_id")?, secret_access_key: secret };
    Ok(fleet.lab.storage.steal(&text("bucket")?, &account).await?)
}

/// Destroys the server, and has the operator bring the customer back on another one.
///
/// # Errors
/// When the customer does not come back whole.
pub async fn strike_and_recover(
    fleet: &Fleet,
    operator: &Customer,
    before: &Before,
    as_of: Option<&str>,
    tell: impl FnMut(&TimelineEntry),
) -> anyhow::Result<After> {
    let (id, domain) = (before.order.summary.id, before.order.summary.domain.clone());
    fleet.machines.lose(domain.as_str()).await?;
    let began = Instant::now();
    let (tenant, identity) = (id.to_string(), fleet.folder.path().join(ESCROW_IDENTITY));
    let mut arguments = vec!["backups", "recover", tenant.as_str(), "--reason", "the server is gone"];
    // It was heard a moment ago.
    arguments.extend(["--still-alive-is-ok", "--yes"]);
    arguments.extend(as_of.into_iter().flat_map(|moment| ["--as-of", moment]));
    insist(fleet, operator, &arguments).await?;
    let unseal = async {
        let identity = identity.to_string_lossy().into_owned();
        let arguments = ["backups", "unseal", tenant.as_str(), "--identity", &identity, "--wait"];
        insist(fleet, operator, &arguments).await
    };
    let (order, ()) = tokio::try_join!(fleet.follow(operator, id, PATIENCE, tell), unseal)?;
    let took = began.elapsed();
    let host = fleet.machines.host(domain.as_str())?;
    let found = content::inventory(&host).await?;
    ensure!(found == before.inventory, "what came back differs: {found:?} instead of {:?}", before.inventory);
    let email = before.order.summary.email.to_string();
    content::pages_and_logins(&host, domain.as_str(), fleet.lab.issued_roots_pem(), &email).await?;
    Ok(After { order, took })
}

/// What the Hub did not answer, the operator asks again; it may have been heard all the same.
async fn insist(fleet: &Fleet, operator: &Customer, arguments: &[&str]) -> anyhow::Result<()> {
    let mut unanswered = false;
    loop {
        let Err(error) = fleet.letsbe(operator, arguments).await else { return Ok(()) };
        let said = error.to_string();
        if unanswered && said.contains(HEARD) {
            return Ok(());
        }
        ensure!(NO_ANSWER.iter().any(|words| said.contains(words)), "{said}");
        unanswered = true;
        fleet.hub.wait_until_up().await?;
    }
}
