//! One request's cost: reserved before it is sent, settled exactly once, when this is dropped. So a caller or a provider
//! that goes away in the middle changes nothing; what a dead process left is charged in full (`background::tasks::model_requests`).

use std::sync::Arc;

use letsbe_store::{RelayUse, Store};
use letsbe_types::{asked::tokens_of, clock::Clock};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::usage::Reported;

/// A reservation.
pub(super) struct Meter {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) id: Uuid,
    cost: Cost,
}

/// What a request costs, as far as it is known.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// The most that can be read and written.
    bound: Reported,
    sent: bool,
    received: u64,
    reported: Option<Reported>,
}

impl Meter {
    /// Of a reservation in the store.
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>, id: Uuid, bound: Reported) -> Self {
        Self { store, clock, id, cost: Cost { bound, sent: false, received: 0, reported: None } }
    }

    /// From here on it may cost something.
    pub(super) const fn sending(&mut self) {
        self.cost.sent = true;
    }

    /// It certainly cost nothing.
    pub(super) const fn free(&mut self) {
        self.cost.sent = false;
    }

    /// So many bytes of the answer came.
    pub(super) const fn received(&mut self, bytes: u64) {
        self.cost.received = self.cost.received.saturating_add(bytes);
    }

    /// What the provider has said so far.
    pub(super) const fn report(&mut self, reported: Option<Reported>) {
        self.cost.reported = reported;
    }
}

impl Cost {
    fn used(self) -> Option<RelayUse> {
        if !self.sent {
            return None;
        }
        let believed =
            self.reported.filter(|reported| reported.is_plausible(self.received, self.bound.output > 0));
        let estimate =
            Reported { input: self.bound.input, output: tokens_of(self.received).min(self.bound.output) };
        let Reported { input, output } = believed.unwrap_or(estimate);
        Some(RelayUse { input, output, reported: believed.is_some() })
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let (store, clock, id, used) =
            (self.store.clone(), Arc::clone(&self.clock), self.id, self.cost.used());
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = store.settle_relay(id, used, clock.now()).await {
                tracing::error!(%error, request = %id, "a relayed request was not settled: it is charged in full");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use letsbe_store::RelayUse;

    use super::{Cost, Reported};

    #[test]
    fn a_request_costs_what_the_provider_says_or_an_upper_estimate() {
        let bound = Reported { input: 100, output: 50 };
        let said = |input, output| Some(Reported { input, output });
        for (sent, reported, received, used) in [
            (true, said(7, 3), 30, Some((7, 3, true))),
            (true, None, 31, Some((100, 11, false))),
            (true, None, 1_000_000, Some((100, 50, false))),
            (true, None, 0, Some((100, 0, false))),
            (true, said(0, 3), 30, Some((100, 10, false))),
            (false, said(7, 3), 30, None),
        ] {
            let used = used.map(|(input, output, reported)| RelayUse { input, output, reported });
            assert_eq!(Cost { bound, sent, received, reported }.used(), used);
        }
    }
}
