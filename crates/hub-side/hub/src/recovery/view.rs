//! A recovery as staff is told of it. Pure.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::{
    order::{Event, Pace, transition},
    recovery::waits_for,
};
use letsbe_store::{Order, Recovery};
use letsbe_types::recovery::{RecoveryEntry, RecoveryState, WaitsFor};

/// All that is known of a recovery.
pub(crate) fn entry(recovery: Recovery, order: &Order, now: DateTime<Utc>) -> RecoveryEntry {
    let under_way = order.state.recovery.as_ref().is_some_and(|under| under.id == recovery.id);
    let waits_for =
        if under_way { waits_for(&order.state, recovery.keys.as_ref()) } else { WaitsFor::Nothing };
    let cancel = Event::OperatorCancelRecovery { reason: String::new() };
    let can_be_cancelled = under_way && transition(&order.state, &cancel, now, &Pace::default()).is_ok();
    RecoveryEntry {
        id: recovery.id,
        tenant: recovery.order,
        domain: order.new.domain.clone(),
        state: recovery.state,
        requested_at: recovery.requested_at,
        requested_by: recovery.requested_by.clone(),
        reason: recovery.reason.clone(),
        clock_started_at: recovery.clock_started_at,
        at: recovery.at,
        as_of: recovery.as_of,
        region: recovery.region,
        lost: recovery.lost.clone(),
        last_heard_at: recovery.last_heard_at,
        server: recovery.server.clone(),
        address: recovery.address,
        phase: under_way.then(|| order.state.phase.as_str().to_owned()),
        waits_for,
        can_be_cancelled,
        problem: order.state.problem.clone().filter(|_| under_way),
        // Of a recovery that ended, nobody needs to know what it once asked for.
        keys: recovery.keys.clone().filter(|_| recovery.state == RecoveryState::Running),
        data_as_of: recovery.data_as_of(),
        finished_at: recovery.finished_at,
        rto_seconds: recovery.rto_seconds(now),
        rpo_seconds: recovery.rpo_seconds,
        restored: recovery.restored,
    }
}
