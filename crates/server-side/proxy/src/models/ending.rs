//! When a streamed answer is complete, and how long is waited for what may still follow.

use tokio::time::Instant;

use super::wish::Wish;
use crate::limits::AFTERWORD;

/// How far a streamed answer has come to its end.
pub(super) struct Ending {
    /// The choices that were asked for, a bit each; and those that have ended.
    wanted: u64,
    ended: u64,
    /// Until when the usage is waited for.
    afterword: Option<Instant>,
}

impl Ending {
    pub(super) fn of(wish: &Wish) -> Self {
        Self { wanted: wish.every_choice(), ended: 0, afterword: None }
    }

    /// These choices have ended.
    pub(super) const fn add(&mut self, ends: u64) {
        self.ended |= ends;
    }

    /// Whether anything has: a provider need not give as many choices as were asked for.
    pub(super) const fn has_begun(&self) -> bool {
        self.ended != 0
    }

    /// What was said is complete; only the usage may follow.
    pub(super) const fn is_complete(&self) -> bool {
        self.ended & self.wanted == self.wanted
    }

    /// Until when what follows a complete answer is waited for; `None` while it goes on. Counted once: heartbeats after the
    /// end would otherwise hold the caller.
    pub(super) fn afterword(&mut self, now: Instant) -> Option<Instant> {
        self.is_complete().then(|| *self.afterword.get_or_insert(now + AFTERWORD))
    }
}
