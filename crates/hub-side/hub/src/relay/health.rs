//! Whether a server reports the tokens that the relay counted. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::MeteredDay;

/// A server's report of the last hour of a day has come by then.
const REPORTED_AFTER: TimeDelta = TimeDelta::hours(2);
/// Older days are history.
pub(crate) const SHOWN: TimeDelta = TimeDelta::days(4);
/// Requests around midnight are counted on either day, and what broke off is estimated on both sides.
const TOLERATED: u64 = 50_000;

/// The newest day on which the two differ, in a sentence.
pub(crate) fn mismatch(days: &[MeteredDay], now: DateTime<Utc>) -> Option<String> {
    let over =
        |day: &&MeteredDay| day.start + TimeDelta::days(1) + REPORTED_AFTER <= now && day.start + SHOWN > now;
    let differs = |day: &&MeteredDay| {
        day.relayed.abs_diff(day.reported) > TOLERATED + day.relayed.max(day.reported) / 10
    };
    let day = days.iter().rev().filter(over).find(differs)?;
    Some(format!(
        "on {} the relay counted {} tokens and the server reported {}",
        day.start.format("%Y-%m-%d"),
        day.relayed,
        day.reported
    ))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use letsbe_store::MeteredDay;

    use super::mismatch;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_that_is_over_and_differs_is_told_and_no_other() {
        let day = |start: &str, relayed, reported| MeteredDay { start: at(start), relayed, reported };
        let now = at("2026-11-22T12:00:00Z");
        let yesterday = "2026-11-21T00:00:00Z";
        for (days, told) in [
            (vec![], false),
            (vec![day(yesterday, 1_000_000, 1_000_000)], false),
            (vec![day(yesterday, 1_000_000, 850_001)], false),
            (vec![day(yesterday, 1_000_000, 849_999)], true),
            (vec![day(yesterday, 849_999, 1_000_000)], true),
            (vec![day(yesterday, 40_000, 0)], false),
            (vec![day("2026-11-22T00:00:00Z", 1_000_000, 0)], false),
            (vec![day("2026-11-17T00:00:00Z", 1_000_000, 0)], false),
            (vec![day("2026-11-20T00:00:00Z", 1_000_000, 0), day(yesterday, 1, 1)], true),
        ] {
            assert_eq!(mismatch(&days, now).is_some(), told, "{days:?}");
        }
        let early = at("2026-11-22T01:59:59Z");
        assert_eq!(mismatch(&[day(yesterday, 1_000_000, 0)], early), None, "its last hour may still come");
        let text = mismatch(&[day(yesterday, 1_000_000, 5)], now).unwrap();
        assert_eq!(text, "on 2026-11-21 the relay counted 1000000 tokens and the server reported 5");
    }
}
