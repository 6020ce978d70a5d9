//! What is to be said to the agent, over breaks of the line.
//!
//! A settlement stays until it is written, and is written again on the next line if the last one broke soon after:
//! bytes that an ending agent has not read are lost, and the agent counts a reservation once.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use letsbe_types::link::{ToAgent, Usage};
use tokio::sync::Notify;
use uuid::Uuid;

/// No reservation is taken while so many messages wait. Settlements come on top, one for each request under way.
const WAITING: usize = 1024;
/// So many written settlements are remembered for the next line.
const REMEMBERED: usize = 256;

/// Too much waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    more: Notify,
    said: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<ToAgent>,
    writing: Option<ToAgent>,
    written: VecDeque<ToAgent>,
}

impl Queue {
    /// One more message.
    pub(super) fn push(&self, message: ToAgent) -> Result<(), Full> {
        let mut inner = self.inner();
        if inner.waiting.len() >= WAITING {
            return Err(Full);
        }
        inner.waiting.push_back(message);
        drop(inner);
        self.more.notify_one();
        Ok(())
    }

    /// A message that is said before all others.
    pub(super) fn push_first(&self, message: ToAgent) {
        self.inner().waiting.push_front(message);
        self.more.notify_one();
    }

    /// A settlement. What was never reserved needs none.
    pub(super) fn settle(&self, request: Uuid, usage: Vec<Usage>) {
        let mut inner = self.inner();
        let unsaid =
            |message: &ToAgent| matches!(message, ToAgent::Reserve { request: id, .. } if *id == request);
        if let Some(position) = inner.waiting.iter().position(unsaid) {
            inner.waiting.remove(position);
            return;
        }
        inner.waiting.push_back(ToAgent::Settle { request, usage });
        drop(inner);
        self.more.notify_one();
    }

    /// The next message, waited for. It counts as written only with [`Queue::written`].
    pub(super) async fn next(&self) -> ToAgent {
        loop {
            if let Some(message) = self.take() {
                return message;
            }
            self.more.notified().await;
        }
    }

    fn take(&self) -> Option<ToAgent> {
        let mut inner = self.inner();
        inner.writing = inner.waiting.pop_front();
        inner.writing.clone()
    }

    /// The message is in the line's hands.
    pub(super) fn written(&self) {
        let mut inner = self.inner();
        if let Some(message @ ToAgent::Settle { .. }) = inner.writing.take() {
            inner.written.push_back(message);
            let over = inner.written.len().saturating_sub(REMEMBERED);
            inner.written.drain(..over);
        }
        drop(inner);
        self.said.notify_waiters();
    }

    /// Waits until nothing waits.
    pub(super) async fn emptied(&self) {
        loop {
            let said = self.said.notified();
            tokio::pin!(said);
            // From here on no word is missed.
            said.as_mut().enable();
            let is_empty = {
                let inner = self.inner();
                inner.waiting.is_empty() && inner.writing.is_none()
            };
            if is_empty {
                return;
            }
            said.await;
        }
    }

    /// A new line begins: settlements are said again, and what only the last line was to hear is forgotten.
    pub(super) fn restart(&self) {
        let mut inner = self.inner();
        let Inner { waiting, writing, written } = std::mem::take(&mut *inner);
        let kept = |message: &ToAgent| matches!(message, ToAgent::Settle { .. } | ToAgent::Reserve { .. });
        let half_written = writing.filter(|message| matches!(message, ToAgent::Settle { .. }));
        inner.waiting = written.into_iter().chain(half_written).chain(waiting).filter(kept).collect();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::link::ToAgent;
    use uuid::Uuid;

    use super::{Full, Queue, WAITING};

    fn reserve(number: u128) -> ToAgent {
        ToAgent::Reserve { request: Uuid::from_u128(number), tokens: 1, model: "a/b".to_owned() }
    }

    fn settle(number: u128) -> ToAgent {
        ToAgent::Settle { request: Uuid::from_u128(number), usage: Vec::new() }
    }

    #[tokio::test]
    async fn a_settlement_is_said_again_on_the_next_line_and_a_reservation_is_not() {
        let queue = Queue::default();
        queue.push(reserve(1)).unwrap();
        assert_eq!(queue.next().await, reserve(1));
        queue.written();
        queue.settle(Uuid::from_u128(1), Vec::new());
        assert_eq!(queue.next().await, settle(1));
        queue.written();
        queue.push(reserve(2)).unwrap();
        assert_eq!(queue.next().await, reserve(2));
        queue.settle(Uuid::from_u128(9), Vec::new());
        queue.push_first(ToAgent::Applied { version: 3 });
        queue.restart();
        assert_eq!(queue.next().await, settle(1));
        queue.written();
        assert_eq!(queue.next().await, settle(9));
        queue.restart();
        assert_eq!(queue.next().await, settle(1), "half written is not written");
        assert_eq!(queue.next().await, settle(9));
    }

    #[tokio::test]
    async fn what_was_never_said_to_be_reserved_is_not_settled() {
        let queue = Queue::default();
        queue.push(reserve(1)).unwrap();
        queue.push(reserve(2)).unwrap();
        queue.settle(Uuid::from_u128(1), Vec::new());
        assert_eq!(queue.next().await, reserve(2));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn the_queue_takes_no_reservation_when_it_is_full() {
        let queue = Queue::default();
        (0..WAITING).for_each(|number| queue.push(reserve(number as u128)).unwrap());
        assert_eq!(queue.push(reserve(u128::MAX)), Err(Full));
    }
}
