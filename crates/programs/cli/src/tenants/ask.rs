//! What is asked of the Hub about a tenant: first put together, then shown (`--plan`) or sent.

use std::time::{Duration, Instant};

use letsbe_types::{
    Problem,
    ids::{ApprovalId, OrderId},
    tenant::{CommandOutcome, CommandWork, TenantConfiguration},
    tenants::{ApprovalDecision, CommandEntry, ConfigurationRequest, TenantSummary},
};
use serde_json::{Value, json};

use super::{Change, Target, show, stops};
use crate::{
    confirm::{self, Yes},
    hub::{Hub, LOOK},
    names::IdName,
    plan::{self, WouldStop},
    style::{self, Level, Told, harmless},
};

/// After this a person wants the terminal back; the command goes on.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// A request that changes something, and what it changes in words.
struct Asked {
    method: &'static str,
    path: String,
    body: Value,
    consequences: Vec<String>,
    /// What would stop it, as far as the Hub can tell beforehand.
    stop: Option<Problem>,
}

impl Asked {
    fn of(
        method: &'static str,
        tenant: OrderId,
        rest: &str,
        body: &impl serde::Serialize,
    ) -> anyhow::Result<Self> {
        let path = format!("/api/v1/admin/tenants/{tenant}/{rest}");
        Ok(Self { method, path, body: serde_json::to_value(body)?, consequences: Vec::new(), stop: None })
    }

    fn with(mut self, consequences: Vec<String>) -> Self {
        self.consequences = consequences;
        self
    }

    fn stopped_by(mut self, stop: Option<Problem>) -> Self {
        self.stop = stop;
        self
    }

    /// Shows it, and asks nothing.
    ///
    /// # Errors
    /// [`WouldStop`] where something would stop it.
    fn shown(&self, json: bool) -> anyhow::Result<()> {
        let Self { method, path, body, consequences, stop } = self;
        if json {
            style::say_json(&json!({
                "method": method, "path": path, "body": body, "consequences": consequences, "problem": stop,
            }))?;
        } else {
            consequences.iter().for_each(|line| style::say(&harmless(line)));
            stop.iter().for_each(plan::stop);
            style::say("Nothing was asked of the Hub.");
        }
        if stop.is_some() { Err(WouldStop.into()) } else { Ok(()) }
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
        format!(
            "Its tools, backups and approvals go on without the Hub. letsbe tenants converge {domain} registers it again."
        ),
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
    let id = target.tenant.tenant(hub).await?;
    let now = hub.configuration(id).await?;
    let wanted = changed(now.clone(), change);
    let consequences = differences(&now.into(), &wanted);
    let asked = Asked::of("PUT", id, "configuration", &wanted)?.with(consequences);
    if target.planned.plan {
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
    let id = target.tenant.tenant(hub).await?;
    let does = format!("The agent of this server would do, within seconds and once: {}.", show::work(&work));
    let stop = if target.planned.plan { stops::work(hub, id, &work).await? } else { None };
    let asked = Asked::of("POST", id, "commands", &work)?.with(vec![does]).stopped_by(stop);
    queue(hub, id, target, &asked, wait, json).await
}

/// Allows what was asked, with who answers for it; or refuses it.
pub(super) async fn decide(
    hub: &Hub,
    target: &Target,
    approval: &IdName,
    allowed: Option<Yes>,
    json: bool,
) -> anyhow::Result<()> {
    let approve = allowed.is_some();
    let id = target.tenant.tenant(hub).await?;
    let there = hub.approvals(id).await?;
    let named = there.iter().map(|entry| (entry.approval.id.0, show::approval(entry)));
    let list = format!("letsbe tenants approvals {id}");
    let approval = ApprovalId(approval.among("approvals", &list, named)?);
    let known = there.into_iter().find(|entry| entry.approval.id == approval);
    let stop = match (&known, target.planned.plan) {
        (Some(entry), true) => stops::decision(hub, id, entry).await?,
        _ => None,
    };
    let is_grave = known.as_ref().is_none_or(|entry| entry.approval.is_grave());
    let what = known.map_or_else(|| format!("approval {approval}"), |entry| show::approval(&entry));
    if let Some(yes) = allowed.filter(|_| is_grave && !target.planned.plan) {
        let domain = hub.tenant(id).await?.summary.domain;
        let consequences = [format!("Allowed, once: {what}"), "It cannot be taken back.".to_owned()];
        confirm::by_name(domain.as_str(), &consequences, yes).await?;
    }
    let does = format!("{}: {what}", if approve { "Allowed, once" } else { "Refused" });
    let path = format!("approvals/{approval}");
    let asked =
        Asked::of("POST", id, &path, &ApprovalDecision { approve })?.with(vec![does]).stopped_by(stop);
    queue(hub, id, target, &asked, true, json).await
}

pub(super) async fn revoke(hub: &Hub, target: &Target, yes: Yes, json: bool) -> anyhow::Result<()> {
    let id = target.tenant.tenant(hub).await?;
    let tenant = hub.tenant(id).await?.summary;
    let domain = &tenant.domain;
    let asked = REVOKE.asked(id)?.with(revoked(domain.as_str())).stopped_by(stops::revocation(&tenant));
    if target.planned.plan {
        return asked.shown(json);
    }
    confirm::by_name(domain.as_str(), &asked.consequences, yes).await?;
    REVOKE.send(hub, &asked, json).await
}

/// What is done at once, with nothing to choose: what a plan says of it, and what is said once it is done.
pub(super) struct Simple {
    path: &'static str,
    does: &'static str,
    done: fn(&TenantSummary) -> String,
    then: &'static str,
}

/// What differs in the gate's log was looked at.
pub(super) const ACCEPT_GATE_LOG: Simple = Simple {
    path: "gate-heads/accept",
    does: "The gate's log counts as it is now; what differed before is an alarm no more.",
    done: |now| format!("the gate's log of {} counts as it is now", now.domain),
    then: "",
};

/// The server's key for models may be known to somebody.
pub(super) const RENEW_RELAY_KEY: Simple = Simple {
    path: "relay-key",
    does: "The server's key for models dies; it fetches a new one with its next heartbeat.",
    done: |now| format!("the key of {}'s server for models is dead", now.domain),
    then: "Its AI team has no models until the server fetches a new one: five minutes at most.",
};

/// The agent's key is lost or stolen. Asked for by name before.
const REVOKE: Simple = Simple {
    path: "revoke",
    does: "",
    done: |now| format!("the key of {}'s agent is revoked", now.domain),
    then: "Its tools and approvals go on without the Hub. letsbe tenants converge registers it again.",
};

impl Simple {
    fn asked(&self, tenant: OrderId) -> anyhow::Result<Asked> {
        Ok(Asked::of("POST", tenant, self.path, &json!({}))?.with(vec![self.does.to_owned()]))
    }

    async fn send(&self, hub: &Hub, asked: &Asked, json: bool) -> anyhow::Result<()> {
        let now: TenantSummary = hub.post(&asked.path, &asked.body).await?;
        if json {
            return style::say_json(&now);
        }
        style::say(&format!("{} {}", Level::Fine.mark(), (self.done)(&now)));
        if !self.then.is_empty() {
            style::say(&format!("  {}", self.then));
        }
        Ok(())
    }
}

/// Does it, or shows what it would do.
pub(super) async fn simply(hub: &Hub, target: &Target, what: &Simple, json: bool) -> anyhow::Result<()> {
    let asked = what.asked(target.tenant.tenant(hub).await?)?;
    if target.planned.plan { asked.shown(json) } else { what.send(hub, &asked, json).await }
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
    if target.planned.plan {
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
        // What became of it was printed.
        Some(CommandOutcome::Failed { .. } | CommandOutcome::Expired | CommandOutcome::Interrupted) => {
            Err(Told.into())
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
