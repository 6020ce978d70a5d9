//! What is asked of the Hub about a tenant: first put together, then shown (`--plan`) or sent.

use std::time::{Duration, Instant};

use anyhow::bail;
use letsbe_types::{
    ids::{ApprovalId, OrderId},
    tenant::{CommandOutcome, CommandWork, TenantConfiguration},
    tenants::{ApprovalDecision, CommandEntry, ConfigurationRequest, TenantSummary},
};
use serde_json::{Value, json};

use super::{Change, Target, TenantName, show};
use crate::{
    hub::Hub,
    style::{self, Level, harmless},
};

/// How often a command is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// After this a person wants the terminal back; the command goes on.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// The tenant's id; a domain must be that of one tenant only.
pub(crate) async fn id_of(hub: &Hub, name: &TenantName) -> anyhow::Result<OrderId> {
    let domain = match name {
        TenantName::Id(id) => return Ok(*id),
        TenantName::Domain(domain) => domain,
    };
    match hub.tenants_of(domain).await?.as_slice() {
        [] => bail!("no tenant has the domain {domain}"),
        [one] => Ok(one.id),
        several => {
            let ids: Vec<String> = several.iter().map(|tenant| tenant.id.to_string()).collect();
            bail!("{domain} has {} tenants; name one by its id: {}", several.len(), ids.join(", "))
        }
    }
}

/// A request that changes something.
struct Asked {
    method: &'static str,
    path: String,
    body: Value,
}

impl Asked {
    fn of(
        method: &'static str,
        tenant: OrderId,
        rest: &str,
        body: &impl serde::Serialize,
    ) -> anyhow::Result<Self> {
        let path = format!("/api/v1/admin/tenants/{tenant}/{rest}");
        Ok(Self { method, path, body: serde_json::to_value(body)? })
    }

    fn shown(&self, json: bool) -> anyhow::Result<()> {
        if json {
            return style::say_json(&json!({ "method": self.method, "path": self.path, "body": self.body }));
        }
        style::say(&format!("{} {}", style::bold(self.method), self.path));
        style::say(&harmless(&self.body.to_string()));
        style::say("nothing was asked");
        Ok(())
    }
}

/// What the change makes of the present configuration.
fn changed(now: TenantConfiguration, change: Change) -> ConfigurationRequest {
    let mut wanted = ConfigurationRequest::from(now);
    wanted.autonomy = change.autonomy.unwrap_or(wanted.autonomy);
    wanted.token_pool = change.token_pool.unwrap_or(wanted.token_pool);
    wanted.openclaw_version = change.openclaw_version.or(wanted.openclaw_version);
    wanted.external_unlocked.extend(change.unlock);
    wanted.external_unlocked.retain(|tool| !change.lock.contains(tool));
    wanted.external_unlocked.sort();
    wanted.external_unlocked.dedup();
    wanted
}

pub(super) async fn configure(hub: &Hub, target: &Target, change: Change, json: bool) -> anyhow::Result<()> {
    let id = id_of(hub, &target.tenant).await?;
    let wanted = changed(hub.configuration(id).await?, change);
    let asked = Asked::of("PUT", id, "configuration", &wanted)?;
    if target.plan {
        return asked.shown(json);
    }
    let now: TenantConfiguration = hub.put(&asked.path, &asked.body).await?;
    if json {
        return style::say_json(&now);
    }
    style::say(&format!("{} {}", Level::Fine.mark(), show::configuration(&now)));
    style::say("  The server hears of it with its next heartbeat (five minutes at most).");
    Ok(())
}

/// Has a tenant's agent do something.
pub(crate) async fn command(
    hub: &Hub,
    target: &Target,
    work: CommandWork,
    wait: bool,
    json: bool,
) -> anyhow::Result<()> {
    let id = id_of(hub, &target.tenant).await?;
    let asked = Asked::of("POST", id, "commands", &work)?;
    queue(hub, id, target, &asked, wait, json).await
}

pub(super) async fn decide(
    hub: &Hub,
    target: &Target,
    approval: ApprovalId,
    approve: bool,
    json: bool,
) -> anyhow::Result<()> {
    let id = id_of(hub, &target.tenant).await?;
    let asked = Asked::of("POST", id, &format!("approvals/{approval}"), &ApprovalDecision { approve })?;
    queue(hub, id, target, &asked, true, json).await
}

pub(super) async fn revoke(hub: &Hub, target: &Target, json: bool) -> anyhow::Result<()> {
    let id = id_of(hub, &target.tenant).await?;
    let asked = Asked::of("POST", id, "revoke", &json!({}))?;
    if target.plan {
        return asked.shown(json);
    }
    let now: TenantSummary = hub.post(&asked.path, &asked.body).await?;
    if json {
        return style::say_json(&now);
    }
    style::say(&format!("{} the key of {}'s agent is revoked", Level::Fine.mark(), now.domain));
    style::say(
        "  Its tools and approvals go on without the Hub. Provisioning the server again registers it again.",
    );
    Ok(())
}

pub(super) async fn renew_relay_key(hub: &Hub, target: &Target, json: bool) -> anyhow::Result<()> {
    let id = id_of(hub, &target.tenant).await?;
    let asked = Asked::of("POST", id, "relay-key", &json!({}))?;
    if target.plan {
        return asked.shown(json);
    }
    let now: TenantSummary = hub.post(&asked.path, &asked.body).await?;
    if json {
        return style::say_json(&now);
    }
    style::say(&format!("{} the key of {}'s server for models is dead", Level::Fine.mark(), now.domain));
    style::say("  Its AI team has no models until the server fetches a new one: five minutes at most.");
    Ok(())
}

/// Queues a command and follows it to its end.
async fn queue(
    hub: &Hub,
    id: OrderId,
    target: &Target,
    asked: &Asked,
    wait: bool,
    json: bool,
) -> anyhow::Result<()> {
    if target.plan {
        return asked.shown(json);
    }
    let mut entry: CommandEntry = hub.post(&asked.path, &asked.body).await?;
    if !json {
        style::say(&format!("{} {}", Level::Running.mark(), show::work(&entry.work)));
    }
    let started = Instant::now();
    while wait && entry.outcome.is_none() && started.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        entry = hub.command(id, entry.id).await?;
    }
    if json {
        style::say_json(&entry)?;
    } else {
        style::say(&show::outcome(&entry));
    }
    match entry.outcome {
        Some(CommandOutcome::Failed { problem }) if !json => Err(problem.into()),
        Some(CommandOutcome::Failed { .. } | CommandOutcome::Expired | CommandOutcome::Interrupted) => {
            bail!("the command did not succeed")
        }
        Some(CommandOutcome::Done { .. }) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::tenant::{Autonomy, TenantConfiguration};

    use super::{Change, changed};

    #[test]
    fn what_is_not_named_stays_as_it_is() {
        let now = TenantConfiguration {
            version: 7,
            token_pool: 500,
            external_unlocked: vec!["ghost".into(), "odoo".into()],
            openclaw_version: Some("v2026.9".into()),
            ..TenantConfiguration::default()
        };
        let nothing = || Change {
            autonomy: None,
            token_pool: None,
            unlock: Vec::new(),
            lock: Vec::new(),
            openclaw_version: None,
        };
        let same = changed(now.clone(), nothing());
        assert_eq!(same, now.clone().into());
        assert_eq!(same.version, Some(7), "somebody who was quicker is noticed");
        let change = Change {
            autonomy: Some(Autonomy::Level2),
            unlock: vec!["ghost".into(), "chatwoot".into()],
            lock: vec!["odoo".into()],
            ..nothing()
        };
        let wanted = changed(now, change);
        assert_eq!(wanted.external_unlocked, ["chatwoot", "ghost"]);
        assert_eq!((wanted.autonomy, wanted.token_pool), (Autonomy::Level2, 500));
    }
}
