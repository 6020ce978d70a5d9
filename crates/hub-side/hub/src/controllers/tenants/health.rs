//! How a server is, from what it said last. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::Phase;
use letsbe_pages::{tenants::Complaint, view::grouped};
use letsbe_store::{AgentStatus, CutKind, LogCut, MeteredDay, Tenant};
use letsbe_types::{
    Code,
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
/// Restarts of a container within an hour that nobody takes for an update.
const RESTARTED: u32 = 3;
/// Containers, or operations, named in one sentence.
const NAMED: usize = 5;
const RESTART_TOOL: &str = "Start it anew: `letsbe tenants command DOMAIN restart TOOL`";
const RESTART_RUNTIME: &str = "Start it anew: `letsbe tenants command DOMAIN restart openclaw`";
const SEE_MEMORY: &str = "See how much it takes, on the server: `letsbe-node status`";
/// Operations that keep strangers out.
const GUARDS: [&str; 2] = ["firewall.", "ssh."];

/// How a tenant's server is, and all that is wrong, worst first. Of a server that is no more, nothing is.
pub(crate) fn of_tenant(tenant: &Tenant, now: DateTime<Utc>) -> (Health, Vec<Complaint>) {
    let state = &tenant.order.state;
    match (state.phase, &state.recovery, tenant.agent.revoked_at) {
        (Phase::Stopped, ..) => (Health::Ended, Vec::new()),
        (_, Some(_), Some(_)) => (Health::Lost, Vec::new()),
        _ => {
            let desired_release = tenant.configuration.openclaw_version.as_deref();
            of(&tenant.agent, &tenant.alarms, &tenant.metered, desired_release, now)
        }
    }
}

/// From when on what a heartbeat says is not well, alarms and the time that it came aside.
pub(crate) fn troubled_from(heartbeat: &Heartbeat) -> Option<DateTime<Utc>> {
    let always = !said(heartbeat, DateTime::UNIX_EPOCH).is_empty();
    let certificate = heartbeat.certificate_expires_at.map(|at| at - CERTIFICATE_SHORT);
    if always { Some(DateTime::UNIX_EPOCH) } else { certificate }
}

/// How it is, and all that is wrong, worst first.
fn of(
    agent: &AgentStatus,
    alarms: &[Alarm],
    metered: &[MeteredDay],
    desired_release: Option<&str>,
    now: DateTime<Utc>,
) -> (Health, Vec<Complaint>) {
    let complaints = complaints(agent, alarms, metered, desired_release, now);
    let health = match agent.last_heartbeat_at {
        _ if agent.revoked_at.is_some() => Health::Revoked,
        None => Health::Never,
        Some(at) if now - at > SILENT_AFTER => Health::Silent,
        Some(_) if complaints.is_empty() => Health::Fine,
        Some(_) => Health::Troubled,
    };
    (health, complaints)
}

/// All that is wrong, worst first.
fn complaints(
    agent: &AgentStatus,
    alarms: &[Alarm],
    metered: &[MeteredDay],
    desired_release: Option<&str>,
    now: DateTime<Utc>,
) -> Vec<Complaint> {
    let heartbeat = agent.last_heartbeat.as_ref();
    let mut complaints = heartbeat.map_or_else(Vec::new, |heartbeat| said(heartbeat, now));
    let sign = heartbeat.and_then(|heartbeat| heartbeat.backup.as_ref());
    let backups = state::remarks(sign, alarms, agent.registered_at, now);
    let wrong = backups.into_iter().filter(|remark| remark.weight > Weight::Note);
    complaints.extend(wrong.map(|remark| Complaint {
        grave: remark.weight == Weight::Failure,
        code: Code::HUB029,
        text: remark.text,
        hint: "Look: `letsbe backups show DOMAIN`",
    }));
    let other = heartbeat.and_then(|heartbeat| other_release(heartbeat, desired_release));
    complaints.extend(other.map(|text| Complaint {
        grave: false,
        code: Code::HUB028,
        text,
        hint: "Move it: `letsbe tenants command DOMAIN update-openclaw --help`",
    }));
    complaints.extend(mismatch(metered, now).map(|text| Complaint {
        grave: false,
        code: Code::HUB028,
        text,
        hint: "Compare both: `letsbe tenants show DOMAIN`. A server that reports less may be in other hands.",
    }));
    complaints.extend(agent.log_cut.as_ref().map(|cut| Complaint {
        grave: true,
        code: Code::HUB028,
        text: log_cut(cut),
        hint: "Find out who did it. When you know why: `letsbe tenants accept-gate-log DOMAIN`",
    }));
    complaints.sort_by_key(|complaint| !complaint.grave);
    complaints
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

/// The AI runtime is another release than the one that is wished.
fn other_release(heartbeat: &Heartbeat, wished: Option<&str>) -> Option<String> {
    let (wished, runs) = (wished?, heartbeat.openclaw.as_ref()?.release.as_deref()?);
    let plain = |release: &str| release.trim_start_matches('v').to_owned();
    (plain(wished) != plain(runs)).then(|| format!("the AI runtime is {runs}, and {wished} is wished"))
}

fn said(heartbeat: &Heartbeat, now: DateTime<Utc>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut say = |grave: bool, wrong: bool, text: &dyn Fn() -> String, hint: &'static str| {
        if wrong {
            complaints.push(Complaint { grave, code: Code::HUB028, text: text(), hint });
        }
    };
    let containers = heartbeat.containers.iter();
    let bad: Vec<&str> = containers
        .filter(|container| !matches!(container.state, ContainerState::Fine | ContainerState::Starting))
        .map(|container| container.name.as_str())
        .collect();
    let text = || format!("{} not fine: {}", counted(bad.len(), "container"), some(&bad));
    say(true, !bad.is_empty(), &text, RESTART_TOOL);
    for container in &heartbeat.containers {
        let (name, times) = (&container.name, container.restarts_last_hour);
        let text = || format!("{name} was restarted {times} times within an hour");
        say(true, times >= RESTARTED, &text, "See why, on the server: `letsbe-node logs TOOL`");
        let text = || format!("{name} was ended for want of memory");
        say(true, container.out_of_memory, &text, SEE_MEMORY);
    }
    let disk = heartbeat.disk_used_percent;
    let text = || format!("the disk is {disk} % full");
    say(
        true,
        disk >= DISK_FULL,
        &text,
        "On the server: `df -h`, then `docker system df`. A full disk stops databases.",
    );
    let ends = heartbeat.certificate_expires_at;
    let text = || "a certificate ends within two weeks".to_owned();
    let short = ends.is_some_and(|at| at - now < CERTIFICATE_SHORT);
    say(true, short, &text, "Look whether DNS still points here; on the server: `journalctl -u certbot`");
    let proxy = || "the secrets proxy has no secrets".to_owned();
    let ready = heartbeat.vault.proxy_ready;
    say(
        true,
        !ready,
        &proxy,
        "On the server: `journalctl -u letsbe-agent`. Without it the AI team has no models.",
    );
    let sick = heartbeat.openclaw.as_ref().is_some_and(|openclaw| !openclaw.healthy);
    let text = || "the AI runtime is not well".to_owned();
    say(true, sick, &text, RESTART_RUNTIME);
    let drift = heartbeat.drift.as_ref();
    let drifted: Vec<&str> = drift.iter().flat_map(|drift| &drift.operations).map(String::as_str).collect();
    let text =
        || format!("{} off what was provisioned: {}", counted(drifted.len(), "operation"), some(&drifted));
    let hint = "Somebody changed the server. What there is: `letsbe tenants command DOMAIN check-drift`";
    say(
        drifted.iter().any(|name| GUARDS.iter().any(|guard| name.starts_with(guard))),
        !drifted.is_empty(),
        &text,
        hint,
    );
    let tokens = &heartbeat.tokens;
    let low = tokens_low(tokens.used, tokens.pool);
    let text = || format!("{} of {} tokens are used", grouped(tokens.used), grouped(tokens.pool));
    say(false, low, &text, "Give it more: `letsbe tenants configure DOMAIN --help`");
    let dropped = heartbeat.events_dropped;
    let text =
        || if dropped == 1 { "1 event was lost".to_owned() } else { format!("{dropped} events were lost") };
    say(
        false,
        dropped > 0,
        &text,
        "The server could not reach the Hub for too long: its timeline has a gap.",
    );
    complaints.extend(heartbeat.uploads_full.then(uploads_full));
    complaints
}

fn uploads_full() -> Complaint {
    Complaint {
        grave: false,
        code: Code::HUB028,
        text: "nothing more can be uploaded to the website".to_owned(),
        hint: "Why, on the server: `letsbe-node status`. Its owner can remove files still.",
    }
}

/// The first names of many.
fn some(names: &[&str]) -> String {
    let more = if names.len() > NAMED { " …" } else { "" };
    format!("{}{more}", names[..names.len().min(NAMED)].join(", "))
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
        let (health, complaints) = super::of(agent, &[], &[], Some("v2026.10"), now);
        (health, complaints.into_iter().map(|complaint| complaint.text).collect())
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
            (Box::new(|beat| beat.events_dropped = 1), "1 event was lost"),
            (Box::new(|beat| beat.uploads_full = true), "nothing more can be uploaded"),
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
