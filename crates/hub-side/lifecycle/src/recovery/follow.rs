//! What an order's event means for its recoveries.

use letsbe_types::ids::RecoveryId;

use super::Event;
use crate::order::{self, Phase};

/// The events that follow for recoveries when an order was in one state and is in another by this event.
#[must_use]
pub fn events_of(
    before: &order::State,
    after: &order::State,
    event: &order::Event,
) -> Vec<(RecoveryId, Event)> {
    match (&before.recovery, &after.recovery, event) {
        (None, Some(new), order::Event::OperatorRecover { .. }) => vec![(new.id, Event::Requested)],
        (Some(former), Some(new), order::Event::OperatorRecover { .. }) => {
            vec![(former.id, Event::BegunAgain), (new.id, Event::RequestedAgain)]
        }
        (
            Some(running),
            Some(_),
            order::Event::ServerClaimed { .. }
            | order::Event::ServerInstalled { .. }
            | order::Event::OperatorAssign { .. },
        ) => vec![(running.id, Event::ServerNamed)],
        (Some(running), None, _) if before.phase == Phase::RecoveryCancelled => {
            vec![(running.id, Event::TakenBack)]
        }
        (Some(running), None, _) => vec![(running.id, Event::Live { lost: running.lost.is_some() })],
        _ => Vec::new(),
    }
}
