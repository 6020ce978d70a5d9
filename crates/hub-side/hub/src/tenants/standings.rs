//! How a heartbeat is rated, in moments: from when on the server and its backups are not well if nothing more is heard. The
//! lists of tenants are sorted by them in the database.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{Limits, Standing, Store, StoreError};
use letsbe_types::tenant::{BackupSign, Heartbeat};

use crate::{
    backups::state::{self, PROOF_OVERDUE, STALE, Weight},
    controllers::tenants::health::{self, SILENT_AFTER},
    relay::health::{SHOWN, mismatch},
};

/// Raised whenever heartbeats are rated differently: those that are stored are rated anew then.
const RULES: i16 = 1;

/// When what counts, for whoever sorts by the moments.
pub(crate) const LIMITS: Limits =
    Limits { silent: SILENT_AFTER, first_backup: STALE, first_proof: PROOF_OVERDUE };

/// How a heartbeat is rated. Pure.
pub(crate) fn of(heartbeat: &Heartbeat) -> Standing {
    let backup = heartbeat.backup.as_ref();
    Standing {
        troubled_from: health::troubled_from(heartbeat),
        rules: RULES,
        ..backup.map_or_else(Standing::default, of_backup)
    }
}

fn of_backup(sign: &BackupSign) -> Standing {
    // What is wrong whatever the time is, is wrong at the beginning of all time.
    let start = DateTime::UNIX_EPOCH;
    let always = state::remarks(Some(sign), &[], start, start);
    let worst = always.iter().map(|remark| remark.weight).max();
    let proofs = sign.tools.iter().filter(|tool| tool.proof_ok && tool.taken_at.is_some());
    let here = proofs.clone().filter_map(|tool| tool.proven_at);
    let outside = sign.tools.iter().filter_map(|tool| tool.outside.as_ref()).filter(|outside| outside.ok);
    let oldest = here.chain(outside.map(|outside| outside.proven_at.unwrap_or(outside.since))).min();
    let from = |weight: Weight, later: Option<DateTime<Utc>>| {
        if worst >= Some(weight) { Some(start) } else { later }
    };
    Standing {
        backup_made: true,
        backup_unproven: proofs.into_iter().any(|tool| tool.proven_at.is_none()),
        backup_troubled_from: from(Weight::Trouble, oldest.map(|at| at + PROOF_OVERDUE)),
        backup_failed_from: from(Weight::Failure, state::succeeded_at(sign).map(|at| at + STALE)),
        ..Standing::default()
    }
}

/// Rates some of what was heard before by today's rules; how many it were.
pub(crate) async fn rate_some(store: &Store) -> Result<usize, StoreError> {
    let unrated = store.unrated(RULES).await?;
    let rated: Vec<_> = unrated
        .into_iter()
        .map(|one| {
            let unreadable = Standing { rules: RULES, ..Standing::default() };
            let standing = one.heartbeat.as_ref().map_or(unreadable, of);
            (one, standing)
        })
        .collect();
    if !rated.is_empty() {
        store.rate(&rated).await?;
    }
    Ok(rated.len())
}

/// Finds whose tokens differ; how many they are.
pub(crate) async fn compare_tokens(store: &Store, now: DateTime<Utc>) -> Result<usize, StoreError> {
    let (mut differing, mut after) = (Vec::new(), None);
    loop {
        let some = store.metered_since(now - SHOWN - TimeDelta::days(1), after).await?;
        let Some((last, _)) = some.last() else { break };
        after = Some(*last);
        let differ = some.iter().filter(|(_, days)| mismatch(days, now).is_some());
        differing.extend(differ.map(|(tenant, _)| *tenant));
    }
    store.keep_tokens_differ(&differing).await?;
    Ok(differing.len())
}
