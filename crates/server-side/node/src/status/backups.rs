//! How the backups stand, in three lines. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    backup::{Protection, RemoteSync},
    tenant::{BackupSign, OutsideProofSign},
};

use super::{Mood, ago};

/// An older backup is a failure (runbook 4.4).
const STALE: TimeDelta = TimeDelta::hours(26);
/// Every tool is proven at least this often.
const OVERDUE: TimeDelta = TimeDelta::days(7);

type Line = (Mood, String);

/// The last backup.
pub(super) fn last(backup: Option<&BackupSign>, now: DateTime<Utc>) -> Line {
    let Some(backup) = backup else { return (Mood::Warning, "none yet".to_owned()) };
    let missing: Vec<&str> =
        backup.tools.iter().filter(|tool| !tool.ok).map(|tool| tool.tool.as_str()).collect();
    let mut words = format!("{}, {} errors", ago(now, backup.at), backup.errors);
    let mut fine = backup.succeeded;
    let mut add = |wrong: bool, word: String| {
        if wrong {
            fine = false;
            words.push_str(&word);
        }
    };
    add(!missing.is_empty(), format!(", not of {}", missing.join(", ")));
    add(now - backup.at > STALE, ", stale: the next one did not come".to_owned());
    add(backup.damage > 0, format!(", {} damages in the repository", backup.damage));
    (if fine { Mood::Fine } else { Mood::Failed }, words)
}

/// The copy outside the server.
pub(super) fn copy(backup: Option<&BackupSign>, now: DateTime<Utc>) -> Line {
    let Some(backup) = backup else { return (Mood::Warning, "none yet".to_owned()) };
    let made =
        backup.remote_at.map_or_else(|| "never made".to_owned(), |at| format!("made {}", ago(now, at)));
    match (backup.remote, backup.protection) {
        (None | Some(RemoteSync::NotConfigured), _) => {
            (Mood::Warning, "none: if this server is lost, everything is".to_owned())
        }
        (Some(RemoteSync::Failed), _) => (Mood::Failed, format!("failed, last {made}")),
        (Some(RemoteSync::Success), Some(Protection::Locked { days })) => {
            (Mood::Fine, format!("{made}, locked for {days} days"))
        }
        (Some(RemoteSync::Success), Some(Protection::Versioned)) => {
            (Mood::Fine, format!("{made}, old versions are kept"))
        }
        (Some(RemoteSync::Success), Some(Protection::Unprotected) | None) => (
            Mood::Warning,
            format!("{made}, UNPROTECTED: whoever has this server's credentials can remove it"),
        ),
    }
}

/// Which tools were restored and found to be whole.
pub(super) fn proofs(backup: Option<&BackupSign>, now: DateTime<Utc>) -> Line {
    let tools = backup.map(|backup| backup.tools.as_slice()).unwrap_or_default();
    if tools.is_empty() {
        return (Mood::Warning, "none yet".to_owned());
    }
    let is_overdue = |proven_at: Option<DateTime<Utc>>| proven_at.is_none_or(|at| now - at > OVERDUE);
    let proven = tools.iter().filter(|tool| !is_overdue(tool.proven_at)).count();
    let failed: Vec<&str> =
        tools.iter().filter(|tool| !tool.proof_ok).map(|tool| tool.tool.as_str()).collect();
    let overdue: Vec<&str> = tools
        .iter()
        .filter(|tool| tool.proof_ok && is_overdue(tool.proven_at))
        .map(|tool| tool.tool.as_str())
        .collect();
    let mut words = format!("{proven} of {} within 7 days", tools.len());
    for (word, names) in [("failed", &failed), ("overdue", &overdue)] {
        if !names.is_empty() {
            words.push_str(&format!("; {word}: {}", names.join(", ")));
        }
    }
    let mood = match (failed.is_empty(), overdue.is_empty()) {
        (false, _) => Mood::Failed,
        (true, false) => Mood::Warning,
        (true, true) => Mood::Fine,
    };
    (mood, words)
}

/// Which tools were restored from the copy outside and found to be whole; the oldest of these proofs.
pub(super) fn proofs_from_outside(backup: Option<&BackupSign>, now: DateTime<Utc>) -> Line {
    let tools = backup.map(|backup| backup.tools.as_slice()).unwrap_or_default();
    let signs: Vec<(&str, &OutsideProofSign)> =
        tools.iter().filter_map(|tool| Some((tool.tool.as_str(), tool.outside.as_ref()?))).collect();
    if signs.is_empty() {
        return (Mood::Warning, "none yet".to_owned());
    }
    let named = |which: &dyn Fn(&OutsideProofSign) -> bool| {
        let named: Vec<&str> = signs.iter().filter(|(_, sign)| which(sign)).map(|(name, _)| *name).collect();
        named.join(", ")
    };
    let failed = named(&|sign| !sign.ok);
    let overdue = named(&|sign| sign.ok && sign.is_overdue(now));
    let waiting = named(&|sign| sign.ok && sign.proven_at.is_none() && !sign.is_overdue(now));
    let proven: Vec<DateTime<Utc>> = signs
        .iter()
        .filter(|(_, sign)| !sign.is_overdue(now))
        .filter_map(|(_, sign)| sign.proven_at)
        .collect();
    let mut words = format!("{} of {} within 7 days", proven.len(), signs.len());
    if let Some(oldest) = proven.iter().min() {
        words
            .push_str(&format!(", the oldest proven from the copy outside on {}", oldest.format("%Y-%m-%d")));
    }
    for (word, names) in [("failed", &failed), ("overdue", &overdue), ("not yet", &waiting)] {
        if !names.is_empty() {
            words.push_str(&format!("; {word}: {names}"));
        }
    }
    let mood = match (failed.is_empty(), overdue.is_empty()) {
        (false, _) => Mood::Failed,
        (true, false) => Mood::Warning,
        (true, true) => Mood::Fine,
    };
    (mood, words)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use letsbe_types::{
        backup::{Protection, RemoteSync},
        tenant::{BackupSign, OutsideProofSign, ToolBackupSign},
    };

    use super::{copy, last, proofs, proofs_from_outside};
    use crate::status::Mood;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn tool(name: &str, proven_days_ago: Option<i64>, ok: bool, proof_ok: bool) -> ToolBackupSign {
        ToolBackupSign {
            tool: name.to_owned(),
            taken_at: Some(now()),
            proven_at: proven_days_ago.map(|days| now() - TimeDelta::days(days)),
            ok,
            proof_ok,
            outside: None,
        }
    }

    #[test]
    fn a_proof_from_outside_is_shown_with_its_day_and_one_that_is_overdue_is_a_warning() {
        let outside = |since: i64, proven: Option<i64>, ok: bool| {
            let ago = |days: i64| now() - TimeDelta::days(days);
            Some(OutsideProofSign { since: ago(since), proven_at: proven.map(ago), ok })
        };
        let told = |signs: [Option<OutsideProofSign>; 2]| {
            let tools = ["a", "b"].into_iter().zip(signs);
            let tools =
                tools.map(|(name, outside)| ToolBackupSign { outside, ..tool(name, Some(1), true, true) });
            proofs_from_outside(Some(&BackupSign { tools: tools.collect(), ..sign() }), now())
        };
        let oldest = "the oldest proven from the copy outside on 2026-11-15";
        let fine = outside(30, Some(3), true);
        for (signs, mood, words) in [
            ([None, None], Mood::Warning, "none yet".to_owned()),
            ([fine.clone(), None], Mood::Fine, format!("1 of 1 within 7 days, {oldest}")),
            (
                [fine.clone(), outside(30, Some(8), true)],
                Mood::Warning,
                format!("1 of 2 within 7 days, {oldest}; overdue: b"),
            ),
            (
                [fine.clone(), outside(8, None, true)],
                Mood::Warning,
                format!("1 of 2 within 7 days, {oldest}; overdue: b"),
            ),
            (
                [fine.clone(), outside(7, None, true)],
                Mood::Fine,
                format!("1 of 2 within 7 days, {oldest}; not yet: b"),
            ),
            (
                [fine, outside(30, Some(4), false)],
                Mood::Failed,
                "2 of 2 within 7 days, the oldest proven from the copy outside on 2026-11-14; failed: b"
                    .to_owned(),
            ),
        ] {
            assert_eq!(told(signs), (mood, words));
        }
    }

    fn sign() -> BackupSign {
        let tools = vec![tool("ghost", Some(1), true, true)];
        BackupSign { at: now() - TimeDelta::hours(26), succeeded: true, tools, ..BackupSign::default() }
    }

    #[test]
    fn a_backup_that_is_stale_or_has_not_every_tool_is_a_failure() {
        assert_eq!(last(None, now()).0, Mood::Warning);
        assert_eq!(last(Some(&sign()), now()).0, Mood::Fine);
        for (change, word) in [
            ((|sign| sign.at -= TimeDelta::seconds(1)) as fn(&mut BackupSign), "stale"),
            (|sign| sign.tools[0].ok = false, "not of ghost"),
            (|sign| sign.damage = 2, "2 damages"),
            (|sign| sign.succeeded = false, "0 errors"),
        ] {
            let mut sign = sign();
            change(&mut sign);
            let (mood, words) = last(Some(&sign), now());
            assert!(mood == Mood::Failed && words.contains(word), "{words}");
        }
    }

    #[test]
    fn a_copy_that_a_thief_could_remove_is_called_unprotected() {
        for (remote, protection, mood, word) in [
            (None, None, Mood::Warning, "none"),
            (Some(RemoteSync::NotConfigured), None, Mood::Warning, "none"),
            (Some(RemoteSync::Failed), Some(Protection::Versioned), Mood::Failed, "failed"),
            (
                Some(RemoteSync::Success),
                Some(Protection::Locked { days: 30 }),
                Mood::Fine,
                "locked for 30 days",
            ),
            (Some(RemoteSync::Success), Some(Protection::Versioned), Mood::Fine, "versions"),
            (Some(RemoteSync::Success), Some(Protection::Unprotected), Mood::Warning, "UNPROTECTED"),
        ] {
            let sign = BackupSign { remote, protection, remote_at: Some(now()), ..sign() };
            let (got, words) = copy(Some(&sign), now());
            assert!(got == mood && words.contains(word), "{words}");
        }
    }

    #[test]
    fn a_proof_that_failed_and_one_that_is_overdue_are_shown_apart() {
        let tools = vec![
            tool("fine", Some(7), true, true),
            tool("overdue", Some(8), true, true),
            tool("never", None, true, true),
            tool("failed", Some(1), true, false),
        ];
        let (mood, words) = proofs(Some(&BackupSign { tools, ..sign() }), now());
        assert_eq!(
            (mood, words.as_str()),
            (Mood::Failed, "2 of 4 within 7 days; failed: failed; overdue: overdue, never")
        );
        assert_eq!(proofs(Some(&sign()), now()), (Mood::Fine, "1 of 1 within 7 days".to_owned()));
    }
}
