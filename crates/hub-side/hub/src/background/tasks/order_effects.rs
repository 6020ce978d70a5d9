//! Carries out the effects of orders: leases what is due and starts it, as many at a time as there are places. Each effect
//! has a lease of its own, so that all Hubs share the work.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use letsbe_types::Problem;
use serde::Serialize;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    background::{Activate, Done},
    worker::{EFFECTS_AT_ONCE, Worker, store_problem},
};

/// Effects that one activation starts at most.
const STARTED_AT_ONCE: u64 = 4 * EFFECTS_AT_ONCE as u64;

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

/// What one activation did.
#[derive(Default, PartialEq, Serialize)]
pub(super) struct Report {
    started: u64,
}

impl Activate for OrderEffects {
    type Report = Report;

    async fn activate(&self, _now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        let mut started = 0;
        // One that ends makes its place free and mostly stores something, which is the signal for the next activation.
        while let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
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
