//! How the Hub's own backup is, from what the last one has written down.

use std::path::Path;

use chrono::{DateTime, Utc};
use letsbe_types::backups::{BackupState, HubBackup};

use super::OwnStatus;
use crate::backups::state::STALE;

/// What is known of it.
#[derive(Debug)]
enum Known {
    /// No repository is configured.
    NotWanted,
    /// None has ended yet.
    Nothing,
    /// What was written down cannot be read.
    Unreadable,
    /// One has ended.
    Ended(OwnStatus),
}

/// Looks at the file that the last one has written; `None` where none is wanted.
pub(crate) async fn look(status_file: Option<&Path>, now: DateTime<Utc>) -> HubBackup {
    let Some(file) = status_file else { return judge(&Known::NotWanted, now) };
    let known = match tokio::fs::read(file).await {
        Ok(text) => serde_json::from_slice(&text).map_or(Known::Unreadable, Known::Ended),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Known::Nothing,
        Err(_) => Known::Unreadable,
    };
    judge(&known, now)
}

/// What is to be said about it: the same hours as for a tenant's.
fn judge(known: &Known, now: DateTime<Utc>) -> HubBackup {
    let bad =
        |state, trouble: &str| HubBackup { state, troubles: vec![trouble.to_owned()], succeeded_at: None };
    let status = match known {
        Known::NotWanted => {
            return bad(
                BackupState::Troubled,
                "the Hub is not backed up: [backups.hub] is not in its settings",
            );
        }
        Known::Nothing => return bad(BackupState::Troubled, "no backup of the Hub has ended yet"),
        Known::Unreadable => {
            return bad(BackupState::Failed, "how the last backup of the Hub ended cannot be read");
        }
        Known::Ended(status) => status,
    };
    let mut troubles = Vec::new();
    match status.succeeded_at {
        Some(at) if now - at <= STALE => {}
        Some(at) => {
            troubles.push(format!(
                "the last successful backup of the Hub is old: {} hours",
                (now - at).num_hours()
            ));
        }
        None => troubles.push("no backup of the Hub ever succeeded".to_owned()),
    }
    let is_old = !troubles.is_empty();
    if let Some(problem) = &status.problem {
        troubles.push(problem.to_string());
    }
    let state = match (is_old, &status.problem) {
        (true, _) => BackupState::Failed,
        (false, Some(_)) => BackupState::Troubled,
        (false, None) => BackupState::Fine,
    };
    HubBackup { state, troubles, succeeded_at: status.succeeded_at }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use letsbe_types::{Code, Problem, backups::BackupState};

    use super::{Known, OwnStatus, judge};

    #[test]
    fn the_hubs_own_backup_is_judged_as_strictly_as_a_tenants() {
        use BackupState::{Failed, Fine, Troubled};
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        let ended = |succeeded: Option<i64>, failed: bool| {
            Known::Ended(OwnStatus {
                at: now,
                problem: failed.then(|| Problem::transient(Code::DEST004, "no way there", "Look.")),
                snapshot: None,
                succeeded_at: succeeded.map(|hours| now - TimeDelta::hours(hours)),
            })
        };
        for (known, state, said) in [
            (ended(Some(26), false), Fine, &[][..]),
            (ended(Some(27), false), Failed, &["27 hours"]),
            (ended(Some(2), true), Troubled, &["DEST004"]),
            (ended(Some(27), true), Failed, &["27 hours", "DEST004"]),
            (ended(None, true), Failed, &["ever", "DEST004"]),
            (Known::Nothing, Troubled, &["yet"]),
            (Known::NotWanted, Troubled, &["[backups.hub]"]),
            (Known::Unreadable, Failed, &["cannot be read"]),
        ] {
            let found = judge(&known, now);
            assert_eq!(found.state, state, "{known:?}");
            assert_eq!(found.troubles.len(), said.len(), "{found:?}");
            assert!(found.troubles.iter().zip(said).all(|(text, part)| text.contains(part)), "{found:?}");
        }
    }
}
