//! How many connections there are, in all and by address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// All places.
pub(crate) struct Places {
    all: Arc<Semaphore>,
    per_address: usize,
    counts: Counts,
}

/// A place of a connection that is still to come.
pub(crate) struct Free {
    permit: Option<OwnedSemaphorePermit>,
    per_address: usize,
    counts: Counts,
}

/// A connection's place, given back when dropped.
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    counted: Option<(IpAddr, Counts)>,
}

impl Places {
    pub(crate) fn new(all: usize, per_address: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), per_address, counts: Counts::default() }
    }

    /// Waits for a place. Dropping what it answers gives it back.
    pub(crate) async fn one(&self) -> Free {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.all).acquire_owned().await.ok();
        Free { permit, per_address: self.per_address, counts: Arc::clone(&self.counts) }
    }
}

impl Free {
    /// The place, for a connection from here; `None` if it has as many already as it may have.
    pub(crate) fn of(self, address: Option<IpAddr>) -> Option<Place> {
        let Some(key) = address.and_then(counted) else {
            return Some(Place { _permit: self.permit, counted: None });
        };
        {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(key).or_default();
            // One that has none left was counted before: what is new begins with nought, and the bound is at least one.
            if *count >= self.per_address.max(1) {
                return None;
            }
            *count += 1;
        }
        Some(Place { _permit: self.permit, counted: Some((key, self.counts)) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((key, counts)) = &self.counted else { return };
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(key);
            }
        }
    }
}

/// What an address is counted as; `None` for this machine and private networks.
fn counted(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let near = address.is_loopback() || address.is_private() || address.is_link_local();
            (!near).then_some(IpAddr::V4(address))
        }
        IpAddr::V6(address) => {
            let near = address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local();
            // One customer of a provider has at least this much.
            let prefix = Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
            (!near).then_some(IpAddr::V6(prefix))
        }
    }
}
