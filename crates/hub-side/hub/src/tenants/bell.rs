//! The bell: wakes a tenant's open question for commands when one was queued, by this process or another (which
//! `background::tasks::command_notices` finds).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use letsbe_types::ids::OrderId;
use tokio::sync::{Notify, futures::Notified};

/// Questions of one tenant that may be open: an agent has one, and more while lines break.
const LISTENERS: usize = 8;

type Waiting = HashMap<OrderId, Arc<Notify>>;

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Bell(Arc<Mutex<Waiting>>);

impl Bell {
    /// Wakes whoever waits for this tenant's commands.
    pub fn ring(&self, tenant: OrderId) {
        if let Some(waiting) = self.waiting().get(&tenant) {
            waiting.notify_waiters();
        }
    }

    /// Wakes all who wait: each looks for itself whether there is a command.
    pub fn ring_all(&self) {
        self.waiting().values().for_each(|waiting| waiting.notify_waiters());
    }

    /// Waits for this tenant's commands from now on; `None` if too many do already.
    #[must_use]
    pub fn listen(&self, tenant: OrderId) -> Option<Ring> {
        let mut waiting = self.waiting();
        let notify = waiting.entry(tenant).or_default();
        // One is the map's own.
        let has_room = Arc::strong_count(notify) <= LISTENERS;
        has_room.then(|| Ring { bell: self.clone(), tenant, notify: Arc::clone(notify) })
    }

    /// Whether anybody waits for this tenant's commands here.
    #[must_use]
    pub fn is_heard(&self, tenant: OrderId) -> bool {
        self.waiting().contains_key(&tenant)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who listens.
pub struct Ring {
    bell: Bell,
    tenant: OrderId,
    notify: Arc<Notify>,
}

impl Ring {
    /// Ends at the next ring.
    pub fn rings(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let mut waiting = self.bell.waiting();
        // The map's own, and ours.
        if Arc::strong_count(&self.notify) == 2 {
            waiting.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::ids::OrderId;

    use super::{Bell, LISTENERS};

    #[tokio::test]
    async fn a_ring_wakes_its_own_tenant_and_nothing_is_kept_of_those_who_left() {
        let bell = Bell::default();
        let (one, other) = (OrderId::generate(), OrderId::generate());
        let listen = |tenant| bell.listen(tenant).expect("there is room");
        let (first, second, stranger) = (listen(one), listen(one), listen(other));
        {
            let (first, second, stranger) = (first.rings(), second.rings(), stranger.rings());
            tokio::pin!(first, second, stranger);
            first.as_mut().enable();
            second.as_mut().enable();
            bell.ring(one);
            first.await;
            second.await;
            assert!(!stranger.as_mut().enable());
        }
        drop((first, second, stranger));
        assert!(bell.waiting().is_empty());
    }

    #[test]
    fn one_tenant_cannot_ask_without_end() {
        let bell = Bell::default();
        let (one, other) = (OrderId::generate(), OrderId::generate());
        let mut open: Vec<_> = (0..LISTENERS).map(|_| bell.listen(one)).collect();
        assert!(open.iter().all(Option::is_some) && bell.listen(one).is_none());
        assert!(bell.listen(other).is_some());
        open.pop();
        assert!(bell.listen(one).is_some());
    }
}
