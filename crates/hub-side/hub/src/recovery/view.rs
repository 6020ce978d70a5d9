//! A recovery as staff is told of it. Pure.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, Pace, Phase, State, transition};
use letsbe_store::{Order, Recovery};
use letsbe_types::recovery::{KeysRequest, RecoveryEntry, RecoveryState, WaitsFor};

/// What a recovery waits for, from where its order stands.
pub(crate) fn waits_for(order: &State, keys: Option<&KeysRequest>) -> WaitsFor {
    match order.phase {
        Phase::ServerLost => WaitsFor::Server,
        Phase::AwaitingServer => WaitsFor::System,
        Phase::Provisioning if keys.is_some_and(|keys| keys.given_at.is_none()) => WaitsFor::Keys,
        Phase::ReplacementReady | Phase::Provisioning => WaitsFor::Run,
        Phase::ServerReady | Phase::DnsPending => WaitsFor::Dns,
        Phase::RecoveryCancelled => WaitsFor::Release,
        Phase::Failed if order.needs_operator => WaitsFor::Operator,
        Phase::Failed => WaitsFor::Retry,
        Phase::AwaitingPayment
        | Phase::Expired
        | Phase::PaymentConfirmed
        | Phase::DnsReady
        | Phase::Fulfilled
        | Phase::Stopped => WaitsFor::Nothing,
    }
}

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

#[cfg(test)]
mod tests {
    use letsbe_lifecycle::order::{Phase, State};
    use letsbe_types::recovery::{KeysRequest, WaitsFor};

    use super::waits_for;

    #[test]
    fn keys_are_waited_for_only_while_a_run_asks_and_nobody_gave_them() {
        let at = |phase| State { phase, ..State::new() };
        let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let asked = KeysRequest {
            recipient: "age1q".into(),
            needed_at: now,
            deadline: now,
            given_at: None,
            given_by: None,
            handed_at: None,
        };
        let given = KeysRequest { given_at: Some(now), ..asked.clone() };
        for (phase, keys, expected) in [
            (Phase::Provisioning, None, WaitsFor::Run),
            (Phase::Provisioning, Some(&asked), WaitsFor::Keys),
            (Phase::Provisioning, Some(&given), WaitsFor::Run),
            (Phase::ServerReady, Some(&given), WaitsFor::Dns),
            (Phase::Failed, Some(&asked), WaitsFor::Retry),
        ] {
            assert_eq!(waits_for(&at(phase), keys), expected, "{phase}");
        }
    }
}
