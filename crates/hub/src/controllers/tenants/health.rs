//! How a server is, from what it said last. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::Phase;
use letsbe_store::{AgentStatus, CutKind, LogCut, MeteredDay, Tenant};
use letsbe_types::{
    backups::Alarm,
    tenant::{ContainerState, Heartbeat},
    tenants::Health,
};

use crate::{
    backups::state::{self, Weight},
    relay::health::mismatch,
};

/// Three heartbeats that did not come.
pub(crate) const SILENT_AFTER: TimeDelta = TimeDelta::minutes(15);
pub(crate) const DISK_FULL: u8 = 90;
const CERTIFICATE_SHORT: TimeDelta = TimeDelta::days(14);
const TOKENS_LOW: u64 = 90;
/// Containers named in one sentence.
const NAMED: usize = 5;

/// How a tenant's server is, and what is wrong in a sentence each. Of a server that is no more, nothing is.
pub(crate) fn of_tenant(tenant: &Tenant, now: DateTime<Utc>) -> (Health, Vec<String>) {
    let state = &tenant.order.state;
    match (state.phase, &state.recovery, tenant.agent.revoked_at) {
        (Phase::Stopped, ..) => (Health::Ended, Vec::new()),
        (_, Some(_), Some(_)) => (Health::Lost, Vec::new()),
        _ => of(&tenant.agent, &tenant.alarms, &tenant.metered, now),
    }
}

/// From when on what a heartbeat says is not well, alarms and the time that it came aside.
pub(crate) fn troubled_from(heartbeat: &Heartbeat) -> Option<DateTime<Utc>> {
    let always = !said(heartbeat, DateTime::UNIX_EPOCH).is_empty();
    let certificate = heartbeat.certificate_expires_at.map(|at| at - CERTIFICATE_SHORT);
    if always { Some(DateTime::UNIX_EPOCH) } else { certificate }
}

/// How it is, and what is wrong in a sentence each.
fn of(
    agent: &AgentStatus,
    alarms: &[Alarm],
    metered: &[MeteredDay],
    now: DateTime<Utc>,
) -> (Health, Vec<String>) {
    let mut troubles = agent.last_heartbeat.as_ref().map_or_else(Vec::new, |heartbeat| said(heartbeat, now));
    let sign = agent.last_heartbeat.as_ref().and_then(|heartbeat| heartbeat.backup.as_ref());
    let backups = state::remarks(sign, alarms, agent.registered_at, now);
    let wrong = backups.into_iter().filter(|remark| remark.weight > Weight::Note);
    troubles.extend(wrong.map(|remark| remark.text));
    troubles.extend(mismatch(metered, now));
    troubles.extend(agent.log_cut.as_ref().map(log_cut));
    let health = match agent.last_heartbeat_at {
        _ if agent.revoked_at.is_some() => Health::Revoked,
        None => Health::Never,
        Some(at) if now - at > SILENT_AFTER => Health::Silent,
        Some(_) if troubles.is_empty() => Health::Fine,
        Some(_) => Health::Troubled,
    };
    (health, troubles)
}

/// Whether few tokens are left of the month's.
pub(crate) fn tokens_low(used: u64, pool: u64) -> bool {
    used.saturating_mul(100).checked_div(pool).is_some_and(|share| share >= TOKENS_LOW)
}

fn log_cut(cut: &LogCut) -> String {
    let LogCut { at, kind, from, to } = cut;
    let since = at.format("%Y-%m-%d %H:%M UTC");
    match kind {
        CutKind::Changed => format!(
            "the command gate's log was cut or rewritten: lines {from} to {to} are not as they were told before ({since})"
        ),
        CutKind::Unlinked => format!(
            "the command gate's log cannot be followed: what leads to line {to} from line {from} was not told ({since})"
        ),
    }
}

fn said(heartbeat: &Heartbeat, now: DateTime<Utc>) -> Vec<String> {
    let mut troubles = Vec::new();
    let mut trouble = |wrong: bool, text: &dyn Fn() -> String| {
        if wrong {
            troubles.push(text());
        }
    };
    let bad: Vec<&str> = heartbeat
        .containers
        .iter()
        .filter(|container| !matches!(container.state, ContainerState::Fine | ContainerState::Starting))
        .map(|container| container.name.as_str())
        .collect();
    trouble(!bad.is_empty(), &|| {
        let more = if bad.len() > NAMED { " …" } else { "" };
        format!(
            "{} not fine: {}{more}",
            counted(bad.len(), "container"),
            bad[..bad.len().min(NAMED)].join(", ")
        )
    });
    let disk = heartbeat.disk_used_percent;
    trouble(disk >= DISK_FULL, &|| format!("the disk is {disk} % full"));
    let ends = heartbeat.certificate_expires_at;
    trouble(ends.is_some_and(|at| at - now < CERTIFICATE_SHORT), &|| {
        "a certificate ends within two weeks".to_owned()
    });
    let tokens = &heartbeat.tokens;
    trouble(tokens_low(tokens.used, tokens.pool), &|| {
        format!("{} of {} tokens are used", tokens.used, tokens.pool)
    });
    let sick = heartbeat.openclaw.as_ref().is_some_and(|openclaw| !openclaw.healthy);
    trouble(sick, &|| "the AI runtime is not well".to_owned());
    trouble(!heartbeat.vault.proxy_ready, &|| "the secrets proxy has no secrets".to_owned());
    let drift = heartbeat.drift.as_ref().map_or(0, |drift| drift.operations.len());
    trouble(drift > 0, &|| format!("{} off what was provisioned", counted(drift, "operation")));
    trouble(heartbeat.events_dropped > 0, &|| format!("{} events were lost", heartbeat.events_dropped));
    troubles
}

/// `1 container is`, `2 containers are`
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what} is") } else { format!("{count} {what}s are") }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use letsbe_store::{AgentStatus, CutKind, LogCut};
    use letsbe_types::{
        tenant::{BackupSign, ContainerSign, ContainerState, Heartbeat},
        tenants::Health,
    };
    use serde_json::json;

    fn of(agent: &AgentStatus, now: DateTime<Utc>) -> (Health, Vec<String>) {
        super::of(agent, &[], &[], now)
    }

    fn now() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn fine() -> AgentStatus {
        let heartbeat: Heartbeat = serde_json::from_value(json!({
            "version": 2, "node_version": "0.1.0", "sent_at": now(), "uptime_seconds": 90,
            "disk_used_percent": 12, "memory_used_mib": 800, "agent_memory_mib": 20, "containers": [],
            "tokens": {"period": "2026-11", "pool": 100, "used": 89, "reserved": 0}, "backup": null,
            "certificate_expires_at": null, "updates": [], "drift": null, "openclaw": null,
            "vault": {"secrets": 5, "proxy_ready": true, "rotated_at": null, "rotating": null,
                      "escrow_recipients": []},
            "approvals_pending": 0, "events_waiting": 0, "events_dropped": 0, "configuration": 1,
            "gate_log": {"entry": 0, "hash": ""},
        }))
        .unwrap();
        AgentStatus {
            registered_at: now(),
            node_version: "0.1.0".to_owned(),
            revoked_at: None,
            last_heartbeat_at: Some(now()),
            last_heartbeat: Some(heartbeat),
            log_cut: None,
        }
    }

    #[test]
    fn silence_and_revocation_come_before_what_was_said() {
        assert_eq!(of(&fine(), now()), (Health::Fine, Vec::new()));
        assert_eq!(of(&fine(), now() + TimeDelta::minutes(15)).0, Health::Fine);
        assert_eq!(of(&fine(), now() + TimeDelta::minutes(16)).0, Health::Silent);
        let never = AgentStatus { last_heartbeat_at: None, last_heartbeat: None, ..fine() };
        assert_eq!(of(&never, now()).0, Health::Never);
        let revoked = AgentStatus { revoked_at: Some(now()), ..fine() };
        assert_eq!(of(&revoked, now()).0, Health::Revoked);
        for (kind, words) in
            [(CutKind::Changed, "cut or rewritten"), (CutKind::Unlinked, "cannot be followed")]
        {
            let log_cut = Some(LogCut { at: now(), kind, from: 7, to: 9 });
            let (health, troubles) = of(&AgentStatus { log_cut, ..fine() }, now());
            assert_eq!(health, Health::Troubled);
            assert!(
                troubles[0].contains(words) && troubles[0].contains("line 9")
                    || troubles[0].contains("7 to 9")
            );
        }
    }

    #[test]
    fn every_trouble_is_a_sentence_of_its_own() {
        let backup = |hours, succeeded| {
            let at = now() - TimeDelta::hours(hours);
            Some(BackupSign { at, succeeded, bytes: 1, ..BackupSign::default() })
        };
        let container = |state| {
            vec![ContainerSign { name: "letsbe-ghost".into(), state, restarts: 0, out_of_memory: false }]
        };
        type Change = Box<dyn Fn(&mut Heartbeat)>;
        let cases: Vec<(Change, &str)> = vec![
            (Box::new(move |beat| beat.containers = container(ContainerState::Stopped)), "letsbe-ghost"),
            (Box::new(move |beat| beat.containers = container(ContainerState::Starting)), ""),
            (Box::new(|beat| beat.disk_used_percent = 90), "disk"),
            (Box::new(move |beat| beat.backup = backup(1, false)), "failed"),
            (Box::new(move |beat| beat.backup = backup(27, true)), "old"),
            (Box::new(move |beat| beat.backup = backup(25, true)), ""),
            (Box::new(|beat| beat.certificate_expires_at = Some(now() + TimeDelta::days(13))), "certificate"),
            (Box::new(|beat| beat.tokens.used = 90), "tokens"),
            (Box::new(|beat| beat.vault.proxy_ready = false), "proxy"),
            (Box::new(|beat| beat.events_dropped = 1), "events"),
        ];
        for (change, said) in cases {
            let mut agent = fine();
            change(agent.last_heartbeat.as_mut().unwrap());
            let (health, troubles) = of(&agent, now());
            assert_eq!(troubles.len(), usize::from(!said.is_empty()), "{said}: {troubles:?}");
            assert_eq!(health == Health::Fine, said.is_empty());
            assert!(troubles.iter().all(|trouble| trouble.contains(said)), "{said}: {troubles:?}");
        }
    }
}
