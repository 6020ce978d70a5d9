//! Carries out the effects of orders: leases what is due and starts it, as many at a time as there are places. Each effect
//! has a lease of its own, so that all Hubs share the work.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use letsbe_types::Problem;
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    background::{Activate, Done},
    worker::{EFFECTS_AT_ONCE, Worker, store_problem},
};

/// Effects that one activation starts at most.
const STARTED_AT_ONCE: u64 = 4 * EFFECTS_AT_ONCE as u64;

/// While all places are taken, an activation waits for so long that one becomes free.
const WAITS: Duration = Duration::from_millis(500);

pub(super) struct OrderEffects {
    worker: Arc<Worker>,
    places: Arc<Semaphore>,
    running: Mutex<JoinSet<()>>,
}

impl OrderEffects {
    pub(super) fn new(worker: Arc<Worker>) -> Self {
        Self { worker, places: Arc::new(Semaphore::new(EFFECTS_AT_ONCE)), running: Mutex::default() }
    }
}

/// A place as soon as one is free; `None` if that is not so until then.
async fn place(places: &Arc<Semaphore>, until: Instant) -> Option<OwnedSemaphorePermit> {
    timeout_at(until, Arc::clone(places).acquire_owned()).await.ok()?.ok()
}

/// What one activation did.
#[derive(Default, PartialEq, Serialize)]
pub(super) struct Report {
    started: u64,
}

impl Activate for OrderEffects {
    type Report = Report;

    async fn activate(&self, _now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        let (mut started, until) = (0, Instant::now() + WAITS);
        // What an effect stores is the signal for the next activation, which mostly comes before its place is free.
        while let Some(place) = place(&self.places, until).await {
            if started == STARTED_AT_ONCE {
                return Ok(Done { report: Report { started }, more: true });
            }
            let Some(leased) = self.worker.lease_next().await.map_err(store_problem)? else { break };
            started += 1;
            let worker = Arc::clone(&self.worker);
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            while running.try_join_next().is_some() {}
            running.spawn(async move {
                worker.perform(&leased).await;
                drop(place);
            });
        }
        Ok(Done { report: Report { started }, more: false })
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::{sync::Semaphore, time::Instant};

    use super::place;

    #[tokio::test]
    async fn a_place_that_becomes_free_is_taken_at_once_and_none_is_waited_for_without_end() {
        let places = Arc::new(Semaphore::new(1));
        let over = Instant::now();
        let far = over + Duration::from_secs(3600);
        let taken = place(&places, far).await.expect("is free");
        let (next, ()) = tokio::join!(place(&places, far), async { drop(taken) });
        let next = next.expect("has become free");
        assert!(place(&places, over).await.is_none(), "all are taken");
        drop(next);
        assert!(place(&places, over).await.is_some(), "a free one is taken, however late it is");
    }
}
