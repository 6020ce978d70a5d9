//! What the agent says to the Hub by itself: heartbeats, and events until the Hub has them.

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use letsbe_types::{
    Problem,
    tenant::{Heartbeat, HeartbeatReply, TenantEvents},
};
use rand::RngExt as _;
use tokio::sync::Notify;

use super::{
    commands::Commands,
    configuration::Configurations,
    meter::Meter,
    models::Models,
    outbox::Queue,
    pulse::Beat,
    signs::{self, Signs},
    standing::HubDoor,
};
use crate::hub;

/// Time between two heartbeats (runbook 6.2).
const INTERVAL: Duration = Duration::from_secs(300);
/// Time to the next heartbeat while something is not well: trouble, and its end, are told sooner.
const TROUBLED_INTERVAL: Duration = Duration::from_secs(60);
/// First pause while the Hub is away; doubles up to the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Reports that are asked for one after the other become one.
const SHORTEST: Duration = Duration::from_millis(200);
/// First and longest pause of the events while the Hub is away.
const EVENTS_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// The present hour's tokens are told with a heartbeat while fewer events wait; else when the hour is over.
const WAITING_FEW: u32 = 100;
/// How often a waiting loop shows that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// What heartbeats need.
pub(crate) struct Heart {
    pub(crate) door: Arc<HubDoor>,
    pub(crate) signs: Arc<Signs>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) configurations: Arc<Configurations>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) models: Models,
    /// Asks for a heartbeat now.
    pub(crate) report: Arc<Notify>,
    pub(crate) pulse: Beat,
}

impl Heart {
    /// Sends heartbeats for ever.
    pub(crate) async fn beat(&self) {
        let mut failures = 0;
        loop {
            let hub = self.alive(self.door.client()).await;
            self.pulse.beat();
            self.tell_tokens();
            let heartbeat = signs::bounded(self.signs.collect().await);
            self.pulse.beat();
            let result = match self.door.note(hub.heartbeat(&heartbeat).await) {
                Ok(mut reply) => {
                    let models = reply.models.take();
                    let taken = self.take(reply);
                    self.alive(self.models.follow(&hub, models.as_deref())).await;
                    taken
                }
                Err(problem) => Err(problem),
            };
            let pause = match result {
                Ok(()) => {
                    failures = 0;
                    if is_troubled(&heartbeat) { TROUBLED_INTERVAL } else { INTERVAL }
                }
                Err(problem) if hub::is_key_refused(&problem) => INTERVAL,
                Err(problem) => {
                    tracing::warn!(%problem, "the heartbeat was not accepted");
                    failures += 1;
                    after_failures(failures)
                }
            };
            // Around 1, so that a fleet spreads out.
            let pause = pause.mul_f64(rand::rng().random_range(0.9..1.1));
            let waiting = async {
                tokio::time::sleep(SHORTEST).await;
                tokio::select! {
                    () = self.next(failures > 0, pause) => {}
                    () = self.report.notified() => {}
                }
            };
            self.alive(waiting).await;
        }
    }

    async fn next(&self, failed: bool, pause: Duration) {
        if failed {
            self.door.pause(pause).await;
        } else {
            tokio::time::sleep(pause).await;
        }
    }

    /// Waits, and shows meanwhile that this is meant.
    async fn alive<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        loop {
            self.pulse.beat();
            if let Ok(result) = tokio::time::timeout(SIGN_OF_LIFE, &mut waiting).await {
                return result;
            }
        }
    }

    fn tell_tokens(&self) {
        let few = self.queue.waiting().events < WAITING_FEW;
        let through = if few { Utc::now() + TimeDelta::hours(1) } else { Utc::now() };
        if let Err(problem) = self.meter.tell(&self.queue, through) {
            tracing::error!(%problem, "used tokens could not be handed over");
        }
    }

    fn take(&self, reply: HeartbeatReply) -> Result<(), Problem> {
        self.door.accepted(Utc::now())?;
        if let Some(configuration) = reply.configuration {
            self.configurations.take(configuration)?;
        }
        if let Some(through) = reply.events_through {
            self.queue.lost(through)?;
        }
        if let Some(head) = reply.gate_log
            && self.signs.approvals.known(head)?
        {
            self.report.notify_one();
        }
        self.commands.take(reply.commands).map(drop)
    }
}

fn is_troubled(heartbeat: &Heartbeat) -> bool {
    heartbeat.containers_not_ok() > 0
}

/// How long to wait after so many failures in a row.
fn after_failures(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(INTERVAL)
}

/// Tells events until the Hub has them, for ever.
pub(crate) async fn tell_events(door: &HubDoor, queue: &Queue) {
    let (mut pause, mut at_most) = (EVENTS_PAUSE.0, usize::MAX);
    loop {
        let hub = door.client().await;
        door.until_heard().await;
        let mut events = queue.batch().unwrap_or_else(|problem| {
            tracing::error!(%problem, "events cannot be read");
            Vec::new()
        });
        events.truncate(at_most);
        let Some(last) = events.last().map(|event| event.sequence) else {
            queue.news.notified().await;
            continue;
        };
        let result = door.note(hub.events(&TenantEvents { events }).await);
        let kept = match result {
            Ok(reply) => {
                letsbe_types::crash::point(&super::outbox::points::SENT);
                (pause, at_most) = (EVENTS_PAUSE.0, usize::MAX);
                queue.taken(reply.taken_through)
            }
            // One event that the Hub cannot read must not hold up all others: it is found alone, and given up.
            Err(problem) if hub::is_unreadable(&problem) && at_most == 1 => {
                tracing::error!(%problem, event = last, "the Hub cannot read an event; it is given up");
                at_most = usize::MAX;
                queue.give_up(last)
            }
            Err(problem) => {
                if hub::is_unreadable(&problem) {
                    at_most = 1;
                }
                tracing::debug!(%problem, "events wait");
                door.pause(pause).await;
                pause = (pause * 2).min(EVENTS_PAUSE.1);
                Ok(())
            }
        };
        if let Err(problem) = kept {
            tracing::error!(%problem, "what the Hub took cannot be written down");
            tokio::time::sleep(EVENTS_PAUSE.1).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::after_failures;

    #[test]
    fn pauses_grow_up_to_the_interval() {
        let seconds: Vec<u64> = (1..10).map(|failures| after_failures(failures).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(after_failures(u32::MAX), Duration::from_secs(300));
    }
}
