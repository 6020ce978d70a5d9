//! Sends the messages to customers and to staff that are due, one after the other. Each has a lease of its own.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use letsbe_types::Problem;
use serde::Serialize;

use crate::{
    background::{Activate, Done},
    worker::{
        Worker,
        messages::{self, Delivered},
        store_problem,
    },
};

/// Messages of one activation at most: to staff each takes half a minute for each of them where the mail server hangs, and
/// all of it must end within the task's timeout.
const AT_ONCE: u64 = 4;

pub(super) struct Messages(pub(super) Arc<Worker>);

/// What one activation did.
#[derive(Default, PartialEq, Serialize)]
pub(super) struct Report {
    sent: u64,
    not_sent: u64,
    no_longer_true: u64,
}

impl Activate for Messages {
    type Report = Report;

    async fn activate(&self, _now: DateTime<Utc>) -> Result<Done<Report>, Problem> {
        let mut report = Report::default();
        for _ in 0..AT_ONCE {
            match messages::deliver_next(&self.0).await.map_err(store_problem)? {
                None => return Ok(Done { report, more: false }),
                Some(Delivered::Sent) => report.sent += 1,
                Some(Delivered::NotSent) => report.not_sent += 1,
                Some(Delivered::Void) => report.no_longer_true += 1,
            }
        }
        Ok(Done { report, more: true })
    }
}
