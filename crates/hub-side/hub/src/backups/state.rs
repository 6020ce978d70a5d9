//! How a tenant's backups are, from what its server said last and what was seen from outside. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::Phase;
use letsbe_store::Tenant;
use letsbe_types::{
    backup::{Protection, RemoteSync},
    backups::{Alarm, AlarmKind, BackupState, BackupSummary},
    tenant::{BackupSign, ToolBackupSign},
};

/// Backups are made every night (runbook 4.4); two hours are for one that takes long or starts later.
pub(crate) const STALE: TimeDelta = TimeDelta::hours(26);
/// Every tool's backup is proven each week.
pub(crate) const PROOF_OVERDUE: TimeDelta = TimeDelta::days(7);
/// Tools named in one sentence.
const NAMED: usize = 5;

/// How grave something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// To be known; nobody has to act at once.
    Note,
    /// Not as it should be.
    Trouble,
    /// The backups cannot be counted on.
    Failure,
}

/// Something that is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) weight: Weight,
    pub(crate) text: String,
}

/// What is to be said about a tenant's backups. A server that is newer than a night has none yet.
pub(crate) fn remarks(
    sign: Option<&BackupSign>,
    alarms: &[Alarm],
    registered_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut say = |applies: bool, weight: Weight, text: &dyn Fn() -> String| {
        if applies {
            remarks.push(Remark { weight, text: text() });
        }
    };
    for alarm in alarms {
        let began = alarm.began_at.format("%Y-%m-%d %H:%M UTC");
        let weight = if alarm.kind == AlarmKind::Flooded { Weight::Trouble } else { Weight::Failure };
        say(true, weight, &|| format!("{}: {} (since {began})", alarm.kind.about(), alarm.message));
    }
    let Some(sign) = sign else {
        say(now - registered_at > STALE, Weight::Failure, &|| "there is no backup at all".to_owned());
        return remarks;
    };
    let success = succeeded_at(sign);
    // A program that names no tools does not say what its earlier backups were.
    let stale = success.map_or(!sign.tools.is_empty(), |at| now - at > STALE);
    say(stale, Weight::Failure, &|| match success {
        Some(at) => format!("the last successful backup is old: {} hours", (now - at).num_hours()),
        None => "no backup of everything ever succeeded".to_owned(),
    });
    let failed = named(&sign.tools, |tool| !tool.ok);
    say(!sign.succeeded, Weight::Trouble, &|| match &failed {
        Some(tools) => format!("the last backup failed: {tools}"),
        None => "the last backup failed".to_owned(),
    });
    let places = if sign.damage == 1 { "place" } else { "places" };
    say(sign.damage > 0, Weight::Failure, &|| {
        format!("the repository is damaged in {} {places}", sign.damage)
    });
    if let Some(tools) = named(&sign.tools, |tool| !tool.proof_ok) {
        say(true, Weight::Failure, &|| format!("could not be restored when it was tried: {tools}"));
    }
    let overdue = |tool: &ToolBackupSign| {
        tool.proof_ok
            && tool.taken_at.is_some()
            && now - tool.proven_at.unwrap_or(registered_at) > PROOF_OVERDUE
    };
    if let Some(tools) = named(&sign.tools, overdue) {
        say(true, Weight::Trouble, &|| format!("not proven for more than a week: {tools}"));
    }
    let outside_failed = |tool: &ToolBackupSign| tool.outside.as_ref().is_some_and(|outside| !outside.ok);
    if let Some(tools) = named(&sign.tools, outside_failed) {
        say(true, Weight::Failure, &|| format!("could not be restored from the copy outside: {tools}"));
    }
    let outside_overdue = |tool: &ToolBackupSign| {
        tool.outside.as_ref().is_some_and(|outside| outside.ok && outside.is_overdue(now))
    };
    if let Some(tools) = named(&sign.tools, outside_overdue) {
        say(true, Weight::Trouble, &|| {
            format!("not proven from the copy outside for more than a week: {tools}")
        });
    }
    say(sign.remote == Some(RemoteSync::Failed), Weight::Trouble, &|| "the copy outside failed".to_owned());
    say(sign.remote == Some(RemoteSync::NotConfigured), Weight::Note, &|| {
        "the copies stay on the server: no destination is set".to_owned()
    });
    say(sign.protection == Some(Protection::Unprotected), Weight::Note, &|| {
        "the copies outside are unprotected: whoever has the server's key can delete them".to_owned()
    });
    remarks
}

/// When everything was last backed up. After a run that failed it is the oldest of the newest sets.
pub(crate) fn succeeded_at(sign: &BackupSign) -> Option<DateTime<Utc>> {
    if sign.succeeded {
        return Some(sign.at);
    }
    let taken: Option<Vec<DateTime<Utc>>> = sign.tools.iter().map(|tool| tool.taken_at).collect();
    taken?.into_iter().min()
}

fn named(tools: &[ToolBackupSign], which: impl Fn(&ToolBackupSign) -> bool) -> Option<String> {
    let names: Vec<&str> = tools.iter().filter(|tool| which(tool)).map(|tool| tool.tool.as_str()).collect();
    let more = if names.len() > NAMED { " …" } else { "" };
    (!names.is_empty()).then(|| format!("{}{more}", names[..names.len().min(NAMED)].join(", ")))
}

/// A tenant's backups in short.
pub(crate) fn summary(tenant: &Tenant, now: DateTime<Utc>) -> BackupSummary {
    let sign = tenant.agent.last_heartbeat.as_ref().and_then(|heartbeat| heartbeat.backup.as_ref());
    let remarks = remarks(sign, &tenant.alarms, tenant.agent.registered_at, now);
    let state = match remarks.iter().map(|remark| remark.weight).max() {
        _ if tenant.order.state.phase == Phase::Stopped => BackupState::Ended,
        Some(Weight::Failure) => BackupState::Failed,
        Some(Weight::Trouble) => BackupState::Troubled,
        Some(Weight::Note) | None if sign.is_none() => BackupState::Awaited,
        Some(Weight::Note) | None => BackupState::Fine,
    };
    let proofs: Option<Vec<DateTime<Utc>>> =
        sign.and_then(|sign| sign.tools.iter().map(|tool| tool.proven_at).collect());
    BackupSummary {
        tenant: tenant.order.new.id,
        domain: tenant.order.new.domain.clone(),
        state,
        troubles: remarks.into_iter().map(|remark| remark.text).collect(),
        succeeded_at: sign.and_then(succeeded_at),
        oldest_proof_at: proofs.and_then(|proofs| proofs.into_iter().min()),
        sign: sign.cloned(),
        destination: tenant.destination.clone(),
        look: tenant.look,
        alarms: tenant.alarms.clone(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use letsbe_types::{
        backup::{Protection, RemoteSync},
        tenant::{BackupSign, OutsideProofSign, ToolBackupSign},
    };

    use super::{Weight, remarks};

    fn now() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn hours(hours: i64) -> DateTime<Utc> {
        now() - TimeDelta::hours(hours)
    }

    fn fine() -> BackupSign {
        let tool = |tool: &str| ToolBackupSign {
            tool: tool.into(),
            taken_at: Some(hours(10)),
            proven_at: Some(hours(100)),
            ok: true,
            proof_ok: true,
            outside: Some(OutsideProofSign { since: hours(2_000), proven_at: Some(hours(168)), ok: true }),
        };
        BackupSign {
            at: hours(10),
            succeeded: true,
            remote: Some(RemoteSync::Success),
            protection: Some(Protection::Locked { days: 35 }),
            tools: vec![tool("ghost"), tool("letsbe")],
            ..BackupSign::default()
        }
    }

    fn outside(sign: &mut BackupSign) -> &mut OutsideProofSign {
        sign.tools[0].outside.as_mut().unwrap()
    }

    #[test]
    fn every_fault_of_a_backup_is_said_with_its_weight() {
        use Weight::{Failure, Note, Trouble};
        type Change = fn(&mut BackupSign);
        let cases: [(Change, &[(Weight, &str)]); 16] = [
            (|_| {}, &[]),
            (|sign| sign.at = hours(26), &[]),
            (|sign| sign.at = hours(27), &[(Failure, "27 hours")]),
            (|sign| (sign.succeeded, sign.tools[0].ok) = (false, false), &[(Trouble, "failed: ghost")]),
            (
                |sign| (sign.succeeded, sign.tools[0].taken_at) = (false, Some(hours(40))),
                &[(Failure, "40 hours"), (Trouble, "last backup failed")],
            ),
            (
                |sign| (sign.succeeded, sign.tools[1].taken_at) = (false, None),
                &[(Failure, "ever"), (Trouble, "last backup failed")],
            ),
            (|sign| sign.damage = 2, &[(Failure, "damaged")]),
            (|sign| sign.tools[1].proof_ok = false, &[(Failure, "restored when it was tried: letsbe")]),
            (|sign| sign.tools[0].proven_at = Some(hours(169)), &[(Trouble, "proven")]),
            (|sign| sign.tools[0].proven_at = None, &[(Trouble, "ghost")]),
            (|sign| outside(sign).ok = false, &[(Failure, "from the copy outside: ghost")]),
            (
                |sign| outside(sign).proven_at = Some(hours(169)),
                &[(Trouble, "outside for more than a week: ghost")],
            ),
            (|sign| outside(sign).proven_at = None, &[(Trouble, "outside for more than a week: ghost")]),
            (|sign| sign.tools[0].outside = None, &[]),
            (|sign| sign.remote = Some(RemoteSync::NotConfigured), &[(Note, "on the server")]),
            (|sign| sign.protection = Some(Protection::Unprotected), &[(Note, "unprotected")]),
        ];
        for (number, (change, expected)) in cases.into_iter().enumerate() {
            let mut sign = fine();
            change(&mut sign);
            let said = remarks(Some(&sign), &[], hours(1_000), now());
            assert_eq!(said.len(), expected.len(), "{number}: {said:?}");
            for (remark, (weight, part)) in said.iter().zip(expected) {
                assert!(remark.weight == *weight && remark.text.contains(part), "{number}: {said:?}");
            }
        }
    }

    #[test]
    fn a_new_server_has_a_night_for_its_first_backup_and_a_week_for_its_first_proof() {
        assert_eq!(remarks(None, &[], hours(26), now()), []);
        assert_eq!(remarks(None, &[], hours(27), now())[0].weight, Weight::Failure);
        let mut sign = fine();
        sign.tools[0].proven_at = None;
        assert_eq!(remarks(Some(&sign), &[], hours(167), now()), []);
        assert_eq!(remarks(Some(&sign), &[], hours(170), now()).len(), 1);
    }
}
