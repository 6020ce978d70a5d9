//! How long an order waits for its payment.

use chrono::TimeDelta;
use serde::Deserialize;

/// How long an order waits for its payment, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnpaidConfig {
    /// After so many days without a word of a payment it is `EXPIRED`. A payment that comes after all is taken.
    pub expires_after_days: u16,
    /// So many days later it is removed, if no payment was ever told of.
    pub removed_after_days: u16,
}

impl Default for UnpaidConfig {
    /// A bank payment that was begun can take two weeks; Stripe's checkout ends after a day.
    fn default() -> Self {
        Self { expires_after_days: 21, removed_after_days: 90 }
    }
}

impl UnpaidConfig {
    /// From the last word of a payment.
    #[must_use]
    pub fn expires_after(&self) -> TimeDelta {
        TimeDelta::days(self.expires_after_days.into())
    }

    /// From where it expired.
    #[must_use]
    pub fn removed_after(&self) -> TimeDelta {
        TimeDelta::days(self.removed_after_days.into())
    }

    /// What cannot work, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        let none = self.expires_after_days == 0 || self.removed_after_days == 0;
        none.then(|| "unpaid: an order needs at least a day to be paid, and one to be looked at".to_owned())
    }
}
