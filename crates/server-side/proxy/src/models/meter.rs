//! One reservation: taken before anything is sent, settled exactly once, whatever happens in between.
//!
//! It covers one attempt that can cost something. The settlement is said when the reservation is dropped, so that a
//! caller that goes away in the middle changes nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use chrono::Utc;
use letsbe_types::link::Usage;
use uuid::Uuid;

use super::wish::tokens_of;
use crate::{
    link::{Link, Verdict},
    refusal::{POOL, Refusal},
};

/// More tokens than any request can use; a provider that says so is mistaken.
const PLAUSIBLE: u64 = 10_000_000;

/// Tokens that are held.
#[derive(Debug)]
pub(crate) struct Reservation {
    link: Arc<Link>,
    request: Uuid,
    cost: Option<Cost>,
}

/// The most that an attempt can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// Tokens as a provider says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// What an attempt costs, as far as it is known.
#[derive(Debug)]
struct Cost {
    model: String,
    bound: Bound,
    sent: Instant,
    received: u64,
    reported: Option<Reported>,
    first_token: Option<Duration>,
}

impl Reservation {
    /// Holds the tokens of one attempt.
    pub(crate) async fn take(
        link: &Arc<Link>,
        bound: Bound,
        model: &str,
        patience: Duration,
    ) -> Result<Self, Refusal> {
        // Made before anything is said: if this is given up while it waits, the settlement is said all the same.
        let reservation = Self { link: Arc::clone(link), request: Uuid::now_v7(), cost: None };
        let tokens = bound.input.saturating_add(bound.output);
        match link.reserve(reservation.request, tokens, model, patience).await {
            Some(Verdict::Granted) => Ok(reservation),
            Some(Verdict::Denied { left, renews_at }) => {
                let message = format!(
                    "this request could use {tokens} tokens and {left} are left; the pool is filled again on {}",
                    renews_at.format("%Y-%m-%d at %H:%M UTC")
                );
                let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, POOL, message);
                let retry_after = (renews_at - Utc::now()).to_std().unwrap_or_default();
                Err(Refusal { retry_after: Some(retry_after), is_final: true, ..refusal })
            }
            None => Err(Refusal::no_agent()),
        }
    }

    /// From here on the attempt may cost something.
    pub(crate) fn sending(&mut self, model: String, bound: Bound) {
        self.cost =
            Some(Cost { model, bound, sent: Instant::now(), received: 0, reported: None, first_token: None });
    }

    /// The attempt certainly cost nothing.
    pub(crate) fn free(&mut self) {
        self.cost = None;
    }

    /// Whether an attempt may have cost something; then the next one needs a reservation of its own.
    pub(crate) fn is_spent(&self) -> bool {
        self.cost.is_some()
    }

    /// So many bytes of the answer came.
    pub(crate) fn received(&mut self, bytes: usize) {
        if let Some(cost) = &mut self.cost {
            cost.received = cost.received.saturating_add(bytes as u64);
        }
    }

    /// The first token came.
    pub(crate) fn first_token(&mut self) {
        if let Some(cost) = &mut self.cost {
            cost.first_token.get_or_insert(cost.sent.elapsed());
        }
    }

    /// The provider said what was used; the last word counts, if it is more than zeros.
    pub(crate) fn report(&mut self, reported: Reported) {
        const ZEROS: Reported = Reported { input: 0, output: 0 };
        if let Some(cost) = &mut self.cost
            && (reported != ZEROS || cost.reported.is_none())
        {
            cost.reported = Some(reported);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let usage = self.cost.take().map(Cost::into_usage);
        self.link.settle(self.request, usage.into_iter().collect());
    }
}

impl Cost {
    fn into_usage(self) -> Usage {
        let written = tokens_of(self.received).min(self.bound.output);
        let believed = self.reported.filter(|reported| is_plausible(*reported, written));
        let used = believed.unwrap_or(Reported { input: self.bound.input, output: written });
        Usage {
            model: self.model,
            input: used.input,
            output: used.output,
            reported: believed.is_some(),
            first_token_ms: self.first_token.and_then(|time| u64::try_from(time.as_millis()).ok()),
        }
    }
}

/// Whether a provider's report can be: something was read, and what came back was written.
fn is_plausible(reported: Reported, written: u64) -> bool {
    let Reported { input, output } = reported;
    (1..=PLAUSIBLE).contains(&input) && output <= PLAUSIBLE && (output > 0 || written == 0)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::{Bound, Cost, Reported};

    fn cost(reported: Option<Reported>, received: u64) -> Cost {
        let bound = Bound { input: 100, output: 50 };
        Cost { model: "a/b".to_owned(), bound, sent: Instant::now(), received, reported, first_token: None }
    }

    #[test]
    fn a_report_is_believed_if_it_can_be() {
        let cases = [
            (Some((7, 3)), 30, (7, 3, true)),
            (None, 30, (100, 10, false)),
            (None, 31, (100, 11, false)),
            (None, 1_000_000, (100, 50, false)),
            (Some((0, 3)), 30, (100, 10, false)),
            (Some((7, 0)), 30, (100, 10, false)),
            (Some((7, 0)), 0, (7, 0, true)),
            (Some((u64::MAX, 3)), 30, (100, 10, false)),
        ];
        for (reported, received, (input, output, believed)) in cases {
            let reported = reported.map(|(input, output)| Reported { input, output });
            let usage = cost(reported, received).into_usage();
            assert_eq!((usage.input, usage.output, usage.reported), (input, output, believed));
        }
    }

    proptest! {
        #[test]
        fn an_estimate_is_never_above_what_was_reserved(received: u64) {
            let usage = cost(None, received).into_usage();
            prop_assert!(usage.input <= 100 && usage.output <= 50);
        }
    }
}
