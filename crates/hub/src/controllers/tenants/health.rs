//! How a server is, from what it said last. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{AgentStatus, CutKind, LogCut, MeteredDay};
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
const SILENT_AFTER: TimeDelta = TimeDelta::minutes(15);
const DISK_FULL: u8 = 90;
const CERTIFICATE_SHORT: TimeDelta = TimeDelta::days(14);
const TOKENS_LOW: u64 = 90;
/// Restarts of a container within an hour that nobody takes for an update.
const RESTARTED: u32 = 3;
/// Containers named in one sentence.
const NAMED: usize = 5;

/// How it is, and what is wrong in a sentence each.
pub(crate) fn of(
    agent: &AgentStatus,
    alarms: &[Alarm],
    metered: &[MeteredDay],
    wished_release: Option<&str>,
    now: DateTime<Utc>,
) -> (Health, Vec<String>) {
    let mut troubles = agent.last_heartbeat.as_ref().map_or_else(Vec::new, |heartbeat| said(heartbeat, now));
    let sign = agent.last_heartbeat.as_ref().and_then(|heartbeat| heartbeat.backup.as_ref());
    let backups = state::remarks(sign, alarms, agent.registered_at, now);
    let wrong = backups.into_iter().filter(|remark| remark.weight > Weight::Note);
    troubles.extend(wrong.map(|remark| remark.text));
    troubles
        .extend(agent.last_heartbeat.as_ref().and_then(|heartbeat| other_release(heartbeat, wished_release)));
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

/// The AI runtime is another release than the one that is wished.
fn other_release(heartbeat: &Heartbeat, wished: Option<&str>) -> Option<String> {
    let (wished, runs) = (wished?, heartbeat.openclaw.as_ref()?.release.as_deref()?);
    let plain = |release: &str| release.trim_start_matches('v').to_owned();
    (plain(wished) != plain(runs)).then(|| {
        format!("the AI runtime is {runs}, and {wished} is wished: `letsbe tenants command … update-openclaw --to {wished}` moves it")
    })
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
    for container in &heartbeat.containers {
        let (name, times) = (&container.name, container.restarts_last_hour);
        trouble(times >= RESTARTED, &|| format!("{name} was restarted {times} times within an hour"));
        trouble(container.out_of_memory, &|| format!("{name} was ended for want of memory"));
    }
    let disk = heartbeat.disk_used_percent;
    trouble(disk >= DISK_FULL, &|| format!("the disk is {disk} % full"));
    let ends = heartbeat.certificate_expires_at;
    trouble(ends.is_some_and(|at| at - now < CERTIFICATE_SHORT), &|| {
        "a certificate ends within two weeks".to_owned()
    });
    let tokens = &heartbeat.tokens;
    let low = tokens.pool > 0 && tokens.used.saturating_mul(100) / tokens.pool >= TOKENS_LOW;
    trouble(low, &|| format!("{} of {} tokens are used", tokens.used, tokens.pool));
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
        tenant::{BackupSign, ContainerSign, ContainerState, Heartbeat, OpenClawSign},
        tenants::Health,
    };
    use serde_json::json;

    fn of(agent: &AgentStatus, now: DateTime<Utc>) -> (Health, Vec<String>) {
        super::of(agent, &[], &[], Some("v2026.10"), now)
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
            vec![ContainerSign {
                name: "letsbe-ghost".into(),
                state,
                restarts: 40,
                restarts_last_hour: 0,
                out_of_memory: false,
            }]
        };
        let restarted = move |restarts_last_hour, out_of_memory| {
            let sign = container(ContainerState::Fine).remove(0);
            vec![ContainerSign { restarts_last_hour, out_of_memory, ..sign }]
        };
        let runtime = |release: Option<&str>| {
            Some(OpenClawSign { version: None, healthy: true, release: release.map(str::to_owned) })
        };
        type Change = Box<dyn Fn(&mut Heartbeat)>;
        let cases: Vec<(Change, &str)> = vec![
            (Box::new(move |beat| beat.containers = container(ContainerState::Stopped)), "letsbe-ghost"),
            (Box::new(move |beat| beat.containers = container(ContainerState::Starting)), ""),
            (Box::new(move |beat| beat.containers = restarted(2, false)), ""),
            (
                Box::new(move |beat| beat.containers = restarted(3, false)),
                "letsbe-ghost was restarted 3 times",
            ),
            (Box::new(move |beat| beat.containers = restarted(0, true)), "want of memory"),
            (Box::new(move |beat| beat.openclaw = runtime(None)), ""),
            (Box::new(move |beat| beat.openclaw = runtime(Some("v2026.10"))), ""),
            (Box::new(move |beat| beat.openclaw = runtime(Some("v2026.9"))), "v2026.10 is wished"),
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
