//! Models through the Hub: whose key a request carries, what it may use, and what was used. A request is written down
//! with the most that it can use before it is sent, and settled once; what nobody settled is charged in full.

pub(crate) mod keys;
pub(crate) mod requests;
pub(crate) mod usage;

/// Seconds of a day.
const DAY: i64 = 24 * 3_600;

/// Start of the day, in seconds.
fn day_of(seconds: i64) -> i64 {
    seconds.div_euclid(DAY) * DAY
}
