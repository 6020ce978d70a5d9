//! Which sets stay (runbook 4.5): 7 daily and 4 weekly ones, over gaps, failures and wrong clocks. Pure.
//!
//! Days and weeks are counted among those that have sets, not on the calendar: nights without a backup push nothing
//! out. Sets from the future (a clock was wrong, or is; or somebody stamps them so) are counted among themselves: they
//! push nothing out either, and a clock that was set back throws nothing away.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Duration, FixedOffset, IsoWeek, NaiveDate, Utc};
use letsbe_types::ids::SetId;

use crate::{BackupSet, SetKind};

/// Days whose newest set stays.
const DAILY: usize = 7;
/// Weeks, before the one of the newest set, whose newest set stays.
const WEEKLY: usize = 4;
/// How long safety sets and those that were asked for stay at least.
const GRACE: Duration = Duration::days(7);
/// An incomplete set may be under way for so long.
const UNDER_WAY: Duration = Duration::hours(24);

/// What is decided about every set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Stays, with the reasons in words.
    pub keep: BTreeMap<SetId, Vec<String>>,
    /// Goes: snapshots of complete sets that nothing keeps, and of incomplete ones older than a day.
    pub forget: Vec<SetId>,
}

/// Decides about all sets of one tool. Days are those of the server's time zone at `offset`. Never forgets the newest
/// complete set, the last proven one, or a safety set of the last 7 days.
#[must_use]
pub fn decide(
    sets: &[BackupSet],
    proven: Option<SetId>,
    now: DateTime<Utc>,
    offset: FixedOffset,
) -> Decision {
    let mut ordered: Vec<&BackupSet> = sets.iter().collect();
    ordered.sort_by_key(|set| (set.taken_at, set.id));
    let complete = || ordered.iter().copied().filter(|set| set.is_complete());
    let mut reasons: BTreeMap<SetId, Vec<String>> = BTreeMap::new();
    let mut keep = |set: &BackupSet, why: String| reasons.entry(set.id).or_default().push(why);

    for (is_future, when) in [(false, ""), (true, " by a clock ahead of this one")] {
        let those: Vec<&BackupSet> = complete().filter(|set| (set.taken_at > now) == is_future).collect();
        for (set, why) in daily_and_weekly(&those, offset) {
            keep(set, format!("{why}{when}"));
        }
        if let Some(set) = those.last() {
            keep(set, format!("the newest one{when}"));
        }
    }
    for set in complete() {
        let is_young = now.signed_duration_since(set.taken_at) < GRACE;
        match set.kind {
            SetKind::Safety if is_young => keep(set, "made before a change in the last 7 days".to_owned()),
            SetKind::Manual if is_young => keep(set, "asked for in the last 7 days".to_owned()),
            _ => {}
        }
        if proven == Some(set.id) {
            keep(set, "the last one that was proven".to_owned());
        }
    }
    for set in ordered.iter().filter(|set| !set.is_complete()) {
        if now.signed_duration_since(set.taken_at).abs() <= UNDER_WAY {
            keep(set, "perhaps under way".to_owned());
        }
    }
    let forget = ordered.iter().map(|set| set.id).filter(|id| !reasons.contains_key(id)).collect();
    Decision { keep: reasons, forget }
}

/// The sets that stand for the last days and weeks, of complete ones in order of time. A day is stood for by its last
/// night's set, else by the last one that was asked for. Safety sets stand for none: what is wrong before a change
/// would push out what was right.
fn daily_and_weekly<'a>(sets: &[&'a BackupSet], offset: FixedOffset) -> Vec<(&'a BackupSet, String)> {
    let day = |set: &BackupSet| set.taken_at.with_timezone(&offset).date_naive();
    let mut days: BTreeMap<NaiveDate, &BackupSet> = BTreeMap::new();
    for kind in [SetKind::Manual, SetKind::Nightly] {
        days.extend(sets.iter().filter(|set| set.kind == kind).map(|set| (day(set), *set)));
    }
    let weeks: BTreeMap<IsoWeek, &BackupSet> = days.iter().map(|(day, set)| (day.iso_week(), *set)).collect();
    let daily = days.iter().rev().take(DAILY).map(|(day, set)| (*set, format!("the day {day}")));
    let weekly =
        weeks.iter().rev().skip(1).take(WEEKLY).map(|(week, set)| (*set, format!("the week {week:?}")));
    daily.chain(weekly).collect()
}

#[cfg(test)]
mod tests;
