//! Which messages follow from a change of an order. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::{Phase, State};
use letsbe_types::ids::OrderId;

/// A customer hears of trouble that lasts longer than this.
const PATIENCE: TimeDelta = TimeDelta::hours(1);

/// What a message is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// To the customer: the payment has arrived, and where the order can be followed.
    Paid,
    /// To the customer: these DNS entries are needed.
    DnsWanted,
    /// To the customer: it takes longer than usual.
    Delayed,
    /// To staff: an order waits for a person.
    PersonWanted,
    /// To staff: a task was opened.
    TaskOpened,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Paid, Self::DnsWanted, Self::Delayed, Self::PersonWanted, Self::TaskOpened];

    /// Name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::DnsWanted => "dns_wanted",
            Self::Delayed => "delayed",
            Self::PersonWanted => "person_wanted",
            Self::TaskOpened => "task_opened",
        }
    }

    /// Whether it goes to the customer, or to staff.
    #[must_use]
    pub const fn is_for_customer(self) -> bool {
        matches!(self, Self::Paid | Self::DnsWanted | Self::Delayed)
    }

    /// Whether it still says something that is so.
    #[must_use]
    pub const fn is_true_of(self, state: &State) -> bool {
        match self {
            Self::Paid => !matches!(state.phase, Phase::Stopped),
            Self::DnsWanted => matches!(state.phase, Phase::DnsPending),
            Self::Delayed => is_in_trouble(state),
            Self::PersonWanted => state.needs_operator,
            Self::TaskOpened => true,
        }
    }
}

/// A message to be put into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewMessage {
    pub(crate) kind: MessageKind,
    /// One with the same key is queued once only.
    pub(crate) once_key: String,
    pub(crate) detail: Option<String>,
    pub(crate) not_before: DateTime<Utc>,
}

/// Whether a customer waits for something of ours that does not go on by itself as it should.
const fn is_in_trouble(state: &State) -> bool {
    match state.phase {
        Phase::AwaitingPayment | Phase::Expired | Phase::Fulfilled | Phase::Stopped | Phase::DnsPending => {
            false
        }
        Phase::Failed => true,
        _ => state.failures > 0 || state.purchase_asked,
    }
}

/// What is to be said now that an order has come from one state to another.
pub(crate) fn about(order: OrderId, before: &State, after: &State, now: DateTime<Utc>) -> Vec<NewMessage> {
    let mut wanted = Vec::new();
    let mut queue = |kind: MessageKind, once_key: String, not_before| {
        wanted.push(NewMessage { kind, once_key, detail: None, not_before });
    };
    let unpaid = matches!(before.phase, Phase::AwaitingPayment | Phase::Expired);
    if unpaid && after.phase == Phase::PaymentConfirmed {
        queue(MessageKind::Paid, format!("{order}.paid"), now);
    }
    if after.phase == Phase::DnsPending && before.phase != Phase::DnsPending {
        // The server that takes a lost one's place has another address.
        let whose = after.recovery.as_ref().map_or_else(|| order.to_string(), |lost| lost.id.to_string());
        queue(MessageKind::DnsWanted, format!("{whose}.dns"), now);
    }
    if is_in_trouble(after) && !is_in_trouble(before) {
        let key = format!("{order}.delayed.{}", now.timestamp_millis());
        queue(MessageKind::Delayed, key, now + PATIENCE);
    }
    if after.needs_operator && !before.needs_operator {
        let key = format!("{order}.person.{}", now.timestamp_millis());
        queue(MessageKind::PersonWanted, key, now);
    }
    wanted
}

/// Whether the trouble that a queued message waits to tell of has ended.
pub(crate) const fn trouble_ended(before: &State, after: &State) -> bool {
    is_in_trouble(before) && !is_in_trouble(after)
}

#[cfg(test)]
mod tests {
    use letsbe_types::ids::RecoveryId;

    use super::{MessageKind, Phase, State, about, trouble_ended};
    use letsbe_lifecycle::order::Recovery;

    fn kinds(before: &State, after: &State) -> Vec<(MessageKind, i64)> {
        let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).expect("a moment");
        let order = "01990000-0000-7000-8000-000000000001".parse().expect("an id");
        let wanted = about(order, before, after, now);
        wanted.into_iter().map(|message| (message.kind, (message.not_before - now).num_minutes())).collect()
    }

    fn at(phase: Phase) -> State {
        State { phase, ..State::new() }
    }

    #[test]
    fn each_change_that_a_person_must_hear_of_has_its_message() {
        let failed = |failures, needs_operator| State {
            resume: Some(Phase::Provisioning),
            failures,
            needs_operator,
            ..at(Phase::Failed)
        };
        let again = State { failures: 1, ..at(Phase::Provisioning) };
        let pool = State { purchase_asked: true, ..at(Phase::PaymentConfirmed) };
        let (delayed, person) = ((MessageKind::Delayed, 60), (MessageKind::PersonWanted, 0));
        let cases = [
            (at(Phase::AwaitingPayment), at(Phase::PaymentConfirmed), vec![(MessageKind::Paid, 0)]),
            (at(Phase::Expired), at(Phase::PaymentConfirmed), vec![(MessageKind::Paid, 0)]),
            (at(Phase::ServerReady), at(Phase::DnsPending), vec![(MessageKind::DnsWanted, 0)]),
            (at(Phase::DnsPending), at(Phase::DnsPending), vec![]),
            (at(Phase::Provisioning), failed(1, false), vec![delayed]),
            (failed(1, false), again.clone(), vec![]),
            (again.clone(), failed(2, false), vec![]),
            (again, failed(4, true), vec![person]),
            (at(Phase::Provisioning), failed(1, true), vec![delayed, person]),
            (at(Phase::PaymentConfirmed), pool.clone(), vec![delayed]),
            (pool.clone(), pool.clone(), vec![]),
            (at(Phase::Provisioning), at(Phase::Fulfilled), vec![]),
        ];
        for (before, after, expected) in cases {
            assert_eq!(kinds(&before, &after), expected, "{before:?} to {after:?}");
        }
        assert!(trouble_ended(&pool, &at(Phase::AwaitingServer)));
        assert!(!trouble_ended(&failed(1, false), &State { failures: 1, ..at(Phase::Provisioning) }));
    }

    #[test]
    fn the_server_in_a_lost_ones_place_has_entries_of_its_own() {
        let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).expect("a moment");
        let order = "01990000-0000-7000-8000-000000000001".parse().expect("an id");
        let id: RecoveryId = format!("{:032x}", 7).parse().expect("an id");
        let lost = Recovery { id, region: None, lost: None, lost_address: None, begun: true };
        let recovered = State { recovery: Some(lost), ..at(Phase::DnsPending) };
        let key = |after: &State| about(order, &at(Phase::ServerReady), after, now).remove(0).once_key;
        assert_ne!(key(&at(Phase::DnsPending)), key(&recovered));
    }

    #[test]
    fn what_is_no_longer_so_is_not_said() {
        assert!(MessageKind::DnsWanted.is_true_of(&at(Phase::DnsPending)));
        assert!(!MessageKind::DnsWanted.is_true_of(&at(Phase::Provisioning)));
        assert!(!MessageKind::Delayed.is_true_of(&at(Phase::Fulfilled)));
        assert!(!MessageKind::PersonWanted.is_true_of(&at(Phase::Failed)));
        assert!(!MessageKind::Paid.is_true_of(&at(Phase::Stopped)));
    }
}
