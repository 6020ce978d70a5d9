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
    confirm::{self, Yes},
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

/// A request that changes something, and what it changes in words.
struct Asked {
    method: &'static str,
    path: String,
    body: Value,
    consequences: Vec<String>,
}

impl Asked {
    fn of(
        method: &'static str,
        tenant: OrderId,
        rest: &str,
        body: &impl serde::Serialize,
    ) -> anyhow::Result<Self> {
        let path = format!("/api/v1/admin/tenants/{tenant}/{rest}");
        Ok(Self { method, path, body: serde_json::to_value(body)?, consequences: Vec::new() })
    }

    fn with(mut self, consequences: Vec<String>) -> Self {
        self.consequences = consequences;
        self
    }

    fn shown(&self, json: bool) -> anyhow::Result<()> {
        if json {
            let Self { method, path, body, consequences } = self;
            return style::say_json(
                &json!({ "method": method, "path": path, "body": body, "consequences": consequences }),
            );
        }
        for line in &self.consequences {
            style::say(&harmless(line));
        }
        style::say("Nothing was asked of the Hub.");
        Ok(())
    }
}

/// What becomes different, a sentence for each setting.
fn differences(now: &ConfigurationRequest, wanted: &ConfigurationRequest) -> Vec<String> {
    let list = |tools: &[String]| if tools.is_empty() { "none".to_owned() } else { tools.join(", ") };
    let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "any".to_owned());
    let settings = [
        ("Autonomy", u8::from(now.autonomy).to_string(), u8::from(wanted.autonomy).to_string()),
        ("Tokens in a month", now.token_pool.to_string(), wanted.token_pool.to_string()),
        (
            "Tools that may write to outsiders unasked",
            list(&now.external_unlocked),
            list(&wanted.external_unlocked),
        ),
        ("Version of the AI runtime", version(&now.openclaw_version), version(&wanted.openclaw_version)),
    ];
    let changed = settings.into_iter().filter(|(_, old, new)| old != new);
    let lines: Vec<String> =
        changed.map(|(name, old, new)| format!("{name}: {new} instead of {old}.")).collect();
    if lines.is_empty() { vec!["Nothing would change.".to_owned()] } else { lines }
}

/// What a stolen or lost key means when it stops working.
fn revoked(domain: &str) -> Vec<String> {
    vec![
        format!("The key of {domain}'s agent stops working at once and cannot be given back."),
        "The Hub hears nothing of this server any more: no heartbeat, no alarm, no command.".to_owned(),
        "Its tools, backups and approvals go on without the Hub. Provisioning it again registers it again."
            .to_owned(),
    ]
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
    let now = hub.configuration(id).await?;
    let wanted = changed(now.clone(), change);
    let consequences = differences(&now.into(), &wanted);
    let asked = Asked::of("PUT", id, "configuration", &wanted)?.with(consequences);
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
    let does = format!("The agent of this server would do, within seconds and once: {}.", show::work(&work));
    let asked = Asked::of("POST", id, "commands", &work)?.with(vec![does]);
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
    let known = hub.approvals(id).await?.into_iter().find(|entry| entry.approval.id == approval);
    let what = known.map_or_else(|| format!("approval {approval}"), |entry| show::approval(&entry));
    let does = format!("{}: {what}", if approve { "Allowed, once" } else { "Refused" });
    let path = format!("approvals/{approval}");
    let asked = Asked::of("POST", id, &path, &ApprovalDecision { approve })?.with(vec![does]);
    queue(hub, id, target, &asked, true, json).await
}

pub(super) async fn revoke(hub: &Hub, target: &Target, yes: Yes, json: bool) -> anyhow::Result<()> {
    let id = id_of(hub, &target.tenant).await?;
    let domain = hub.tenant(id).await?.summary.domain;
    let asked = Asked::of("POST", id, "revoke", &json!({}))?.with(revoked(domain.as_str()));
    if target.plan {
        return asked.shown(json);
    }
    confirm::by_name(domain.as_str(), &asked.consequences, yes)?;
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

pub(super) async fn accept_gate_log(hub: &Hub, target: &Target, json: bool) -> anyhow::Result<()> {
    let id = id_of(hub, &target.tenant).await?;
    let does = "The gate's log counts as it is now; what differed before is an alarm no more.".to_owned();
    let asked = Asked::of("POST", id, "gate-heads/accept", &json!({}))?.with(vec![does]);
    if target.plan {
        return asked.shown(json);
    }
    let now: TenantSummary = hub.post(&asked.path, &asked.body).await?;
    if json {
        return style::say_json(&now);
    }
    style::say(&format!("{} the gate's log of {} counts as it is now", Level::Fine.mark(), now.domain));
    Ok(())
}

pub(super) async fn renew_relay_key(hub: &Hub, target: &Target, json: bool) -> anyhow::Result<()> {
    let id = id_of(hub, &target.tenant).await?;
    let does = "The server's key for models dies; it fetches a new one with its next heartbeat.".to_owned();
    let asked = Asked::of("POST", id, "relay-key", &json!({}))?.with(vec![does]);
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
