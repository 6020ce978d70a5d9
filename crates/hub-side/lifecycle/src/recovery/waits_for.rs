//! What a running recovery waits for.

use letsbe_types::recovery::{KeysRequest, WaitsFor};

use crate::order::{Phase, State};

/// What a recovery waits for, from where its order stands.
#[must_use]
pub fn waits_for(order: &State, keys: Option<&KeysRequest>) -> WaitsFor {
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

#[cfg(test)]
mod tests {
    use letsbe_types::recovery::{KeysRequest, WaitsFor};

    use super::waits_for;
    use crate::order::{Phase, State};

    #[test]
    fn keys_are_waited_for_only_while_a_run_asks_and_nobody_gave_them() {
        let at = |phase| State { phase, ..State::new() };
        let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).expect("a valid moment");
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
