//! How much is taken at the same time, and how long is waited.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use letsbe_types::ids::OrderId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest body of a request: what a server's proxy lets through.
pub(crate) const REQUEST_BYTES: usize = 16 * 1024 * 1024;
/// Longest answer.
pub(super) const ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// Longest error of a provider that is looked at.
pub(super) const ERROR_BYTES: usize = 64 * 1024;
/// Longest answer, or line of a stream, that is looked through for the usage; that of a longer one is estimated.
pub(super) const READ_BYTES: usize = 4 * 1024 * 1024;
/// Requests of one tenant at the same time: as many as a server's proxy has under way.
const OF_ONE: usize = 64;
/// Requests of all tenants at the same time.
const OF_ALL: usize = 1024;
/// Memory for bodies, and for what is looked through, at the same time.
const MEMORY_KIB: usize = 256 * 1024;
/// One tenant's share of it: two of the largest bodies. Whoever sends as many of them as he may, slowly, leaves the rest to
/// others.
const MEMORY_OF_ONE_KIB: usize = 64 * 1024;

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the server's request.
    pub caller: Duration,
    /// For a connection to a provider.
    pub connect: Duration,
    /// For a provider to begin its answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For everything that belongs to one request.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            caller: Duration::from_secs(60),
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(120),
            idle: Duration::from_secs(120),
            whole: Duration::from_secs(600),
        }
    }
}

/// Who is under way.
#[derive(Debug)]
pub(super) struct Slots {
    all: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    tenants: Mutex<HashMap<OrderId, Own>>,
}

/// What one tenant may have under way.
#[derive(Debug, Clone)]
struct Own {
    requests: Arc<Semaphore>,
    memory: Arc<Semaphore>,
}

/// Why there is no slot, or no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowded {
    /// The tenant itself has too much under way.
    Tenant,
    /// All tenants together have.
    Everybody,
}

/// A request's slot; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _tenant: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
    share: Share,
}

/// Where a tenant's requests take memory from: what all have, within what one may have.
#[derive(Debug, Clone)]
pub(super) struct Share {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// Some of the memory; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Memory {
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(OF_ALL)),
            memory: Arc::new(Semaphore::new(MEMORY_KIB)),
            tenants: Mutex::default(),
        }
    }
}

impl Slots {
    /// A slot for one request of a tenant.
    pub(super) fn take(&self, tenant: OrderId) -> Result<Slot, Crowded> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has nothing under way is forgotten.
        tenants.retain(|_, own| own.requests.available_permits() < OF_ONE);
        let own = tenants.entry(tenant).or_default().clone();
        let share = Share { own: own.memory, all: Arc::clone(&self.memory) };
        let tenant = own.requests.try_acquire_owned().map_err(|_| Crowded::Tenant)?;
        let all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Crowded::Everybody)?;
        Ok(Slot { _tenant: tenant, _all: all, share })
    }
}

impl Default for Own {
    fn default() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(OF_ONE)),
            memory: Arc::new(Semaphore::new(MEMORY_OF_ONE_KIB)),
        }
    }
}

impl Slot {
    /// Where its request takes memory from.
    pub(super) fn share(&self) -> Share {
        self.share.clone()
    }
}

impl Share {
    /// Memory for so many bytes, if there is enough just now.
    pub(super) fn memory(&self, bytes: usize) -> Result<Memory, Crowded> {
        let kib = u32::try_from(bytes.div_ceil(1024)).map_err(|_| Crowded::Tenant)?;
        let take = |from: &Arc<Semaphore>| Arc::clone(from).try_acquire_many_owned(kib);
        let own = take(&self.own).map_err(|_| Crowded::Tenant)?;
        let all = take(&self.all).map_err(|_| Crowded::Everybody)?;
        Ok(Memory { own, all })
    }
}

impl Memory {
    /// Adds to what there is; both are of one tenant.
    pub(super) fn add(&mut self, more: Self) {
        self.own.merge(more.own);
        self.all.merge(more.all);
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::ids::OrderId;

    use super::{Crowded, MEMORY_KIB, MEMORY_OF_ONE_KIB, OF_ALL, OF_ONE, REQUEST_BYTES, Slots};

    #[test]
    fn one_tenant_leaves_slots_to_others_and_nothing_is_kept_of_those_who_are_done() {
        let slots = Slots::default();
        let (one, other) = (OrderId::generate(), OrderId::generate());
        let taken: Vec<_> = (0..OF_ONE).map(|_| slots.take(one).expect("free")).collect();
        assert_eq!(slots.take(one).expect_err("full"), Crowded::Tenant);
        drop(slots.take(other).expect("free"));
        drop(taken);
        let many: Vec<_> = (0..OF_ALL / OF_ONE)
            .flat_map(|_| [OrderId::generate(); OF_ONE])
            .map(|id| slots.take(id))
            .collect();
        assert!(many.iter().all(Result::is_ok));
        assert_eq!(slots.take(one).expect_err("full"), Crowded::Everybody);
        drop(many);
        drop(slots.take(one).expect("free"));
        assert_eq!(slots.tenants.lock().expect("lock").len(), 1);
    }

    #[test]
    fn memory_is_bounded_for_one_and_for_all_and_comes_back() {
        let slots = Slots::default();
        let greedy = slots.take(OrderId::generate()).expect("free").share();
        let largest: Vec<_> = (0..2).map(|_| greedy.memory(2 * REQUEST_BYTES).expect("free")).collect();
        assert_eq!(greedy.memory(1).expect_err("full"), Crowded::Tenant);
        let other = slots.take(OrderId::generate()).expect("free").share();
        drop(other.memory(2 * REQUEST_BYTES).expect("others have what they may have"));
        let shares: Vec<_> = (1..MEMORY_KIB / MEMORY_OF_ONE_KIB)
            .map(|_| slots.take(OrderId::generate()).expect("free").share())
            .map(|share| share.memory(MEMORY_OF_ONE_KIB * 1024).expect("free"))
            .collect();
        assert_eq!(other.memory(1).expect_err("full"), Crowded::Everybody);
        drop((largest, shares));
        let mut some = greedy.memory(1024).expect("free");
        some.add(greedy.memory((MEMORY_OF_ONE_KIB - 1) * 1024).expect("free"));
        assert_eq!(greedy.memory(1).expect_err("full"), Crowded::Tenant);
    }
}
