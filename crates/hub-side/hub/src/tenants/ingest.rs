//! The way of heartbeats into the database: one writer for each process commits what has come, all at once. A
//! heartbeat is answered after its commit. What does not fit into the queue is sent away.

use std::sync::Arc;

use letsbe_store::{Beat, Heard, KeyRefused, Store};
use letsbe_types::clock::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Heartbeats in one commit at most.
const GROUP: usize = 2_000;
/// Heartbeats that wait at most.
const WAITING: usize = 16_384;
/// KiB that wait at most.
const WAITING_KIB: usize = 64 * 1024;
const KIB: usize = 1024;

/// Why a heartbeat was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// Too many wait.
    Full,
    /// The database failed; the log says why.
    Failed,
}

type Answer = Result<Result<Heard, KeyRefused>, NotTaken>;

struct Waiting {
    beat: Beat,
    answer: oneshot::Sender<Answer>,
    _room: OwnedSemaphorePermit,
}

/// Takes heartbeats. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    queue: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

impl Ingest {
    /// Starts the writer; it ends when nobody can send any more.
    #[must_use]
    pub fn start(store: Store, clock: Arc<dyn Clock>) -> Self {
        let (queue, coming) = mpsc::channel(WAITING);
        tokio::spawn(write(store, clock, coming));
        Self { queue, room: Arc::new(Semaphore::new(WAITING_KIB)) }
    }

    /// Takes one heartbeat; answers when it is durable.
    ///
    /// # Errors
    /// When too many wait, or the database fails.
    pub async fn take(&self, beat: Beat) -> Answer {
        let size = u32::try_from(beat.size().div_ceil(KIB)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(size).map_err(|_| NotTaken::Full)?;
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { beat, answer, _room: room }).map_err(|_| NotTaken::Full)?;
        answered.await.unwrap_or(Err(NotTaken::Failed))
    }
}

async fn write(store: Store, clock: Arc<dyn Clock>, mut coming: mpsc::Receiver<Waiting>) {
    let mut group = Vec::with_capacity(GROUP);
    while coming.recv_many(&mut group, GROUP).await > 0 {
        let mut beats = Vec::with_capacity(group.len());
        let mut waiting = Vec::with_capacity(group.len());
        for Waiting { beat, answer, _room } in group.drain(..) {
            beats.push(beat);
            waiting.push((answer, _room));
        }
        let answers = match store.take_heartbeats(beats, clock.now()).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => {
                tracing::error!(%error, heartbeats = waiting.len(), "heartbeats could not be stored");
                vec![Err(NotTaken::Failed); waiting.len()]
            }
        };
        for ((asked, _room), answer) in waiting.into_iter().zip(answers) {
            // Whoever went away meanwhile sends again.
            let _ = asked.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use letsbe_store::Beat;
    use letsbe_types::tenant::Heartbeat;
    use serde_json::json;
    use tokio::sync::{Semaphore, mpsc};

    use super::{Ingest, NotTaken};

    fn beat(containers: usize) -> Beat {
        let container =
            json!({"name": "x".repeat(200), "state": "fine", "restarts": 0, "out_of_memory": false});
        let heartbeat: Heartbeat = serde_json::from_value(json!({
            "version": 2, "node_version": "0.1.0", "sent_at": "2026-11-22T12:00:00Z", "uptime_seconds": 90,
            "disk_used_percent": 12, "memory_used_mib": 800, "agent_memory_mib": 20,
            "containers": vec![container; containers], "tokens": {"period": "", "pool": 0, "used": 0, "reserved": 0},
            "backup": null, "certificate_expires_at": null, "updates": [], "drift": null, "openclaw": null,
            "vault": {"secrets": 5, "proxy_ready": true, "rotated_at": null, "rotating": null,
                      "escrow_recipients": []},
            "approvals_pending": 0, "events_waiting": 0, "events_dropped": 0, "configuration": 1,
            "gate_log": {"entry": 0, "hash": ""},
        }))
        .unwrap();
        Beat::new("key".to_owned(), &heartbeat).unwrap()
    }

    /// A queue that nobody empties.
    fn stuck(places: usize, kib: usize) -> (Ingest, mpsc::Receiver<super::Waiting>) {
        let (queue, coming) = mpsc::channel(places);
        (Ingest { queue, room: Arc::new(Semaphore::new(kib)) }, coming)
    }

    #[tokio::test]
    async fn what_does_not_fit_into_the_queue_is_sent_away_and_makes_room_again() {
        for (ingest, mut coming) in [stuck(2, 1_000), stuck(1_000, 2)] {
            let (first, second) = (ingest.take(beat(0)), ingest.take(beat(0)));
            tokio::pin!(first, second);
            assert!(futures::poll!(first.as_mut()).is_pending());
            assert!(futures::poll!(second.as_mut()).is_pending());
            assert_eq!(ingest.take(beat(0)).await, Err(NotTaken::Full));
            assert_eq!(ingest.take(beat(100)).await, Err(NotTaken::Full));
            drop(coming.recv().await);
            assert_eq!(first.await, Err(NotTaken::Failed), "a writer that ends answers nobody");
            assert!(futures::poll!(std::pin::pin!(ingest.take(beat(0)))).is_pending());
        }
    }
}
