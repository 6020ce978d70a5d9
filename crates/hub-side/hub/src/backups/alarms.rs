//! Which changes of a tenant's folder are alarming. Pure.
//!
//! A night of backups adds some percent and retention takes some away. Ransom and sabotage look different: much is gone
//! within a day, or much was written over, or it grows to a multiple. Such an alarm stays although the days pass: the
//! numbers get used to what happened, the customer does not.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_pages::view::size;
use letsbe_store::NewAlarm;
use letsbe_types::{
    backups::{Alarm, AlarmKind, Look},
    ids::AlarmId,
};

use super::state::STALE;

/// Changes are looked at over this time.
pub(crate) const WINDOW: TimeDelta = TimeDelta::hours(24);
/// More than one fifth gone is no retention.
const SHARE: u64 = 5;
/// Fewer objects than this come and go with every backup (locks, small indexes).
const FEW_OBJECTS: u64 = 32;
/// More than so many times of what was there is no night's growth …
const MULTIPLE: u64 = 3;
/// … once there was so much that the first nights are over.
const GROWN_BYTES_MIN: u64 = 1_000_000_000;
/// Looks are made every hour; so long without one is worth a person's look.
const UNSEEN: TimeDelta = TimeDelta::hours(6);

/// What is to be changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) opened: Vec<NewAlarm>,
    pub(crate) ended: Vec<AlarmId>,
}

/// Compares the newest look with those of the day before it. `history` stands oldest first; `known` are all alarms of
/// this tenant, the newest first.
pub(crate) fn decide(
    history: &[Look],
    known: &[Alarm],
    made_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Changes {
    let open = |kind: AlarmKind| {
        known
            .iter()
            .find(|alarm| alarm.kind == kind && alarm.ended_at.is_none() && alarm.acknowledged_at.is_none())
    };
    let mut changes = Changes::default();
    for kind in AlarmKind::COUNTED {
        let seen = known.iter().filter(|alarm| alarm.kind == kind);
        let acknowledged = seen.filter_map(|alarm| alarm.acknowledged_at).max();
        let found = find(kind, history, acknowledged, made_at, now);
        match (open(kind), found) {
            (None, Some(alarm)) => changes.opened.push(alarm),
            (Some(alarm), found) if is_over(alarm, found.is_some(), history.last()) => {
                changes.ended.push(alarm.id);
            }
            _ => {}
        }
    }
    changes
}

fn find(
    kind: AlarmKind,
    history: &[Look],
    acknowledged: Option<DateTime<Utc>>,
    made_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<NewAlarm> {
    let alarm = |before: Look, message: String| Some(NewAlarm { kind, message, before });
    let nothing = Look {
        at: made_at,
        objects: 0,
        bytes: 0,
        noncurrent_objects: 0,
        noncurrent_bytes: 0,
        delete_markers: 0,
        newest_at: None,
    };
    let newest = history.last().copied();
    if kind == AlarmKind::Unseen {
        let seen = newest.map_or(made_at, |look| look.at.max(made_at));
        let hours = (now - seen).num_hours();
        // Acknowledged is acknowledged until it is seen again.
        let again = acknowledged.is_none_or(|at| seen > at);
        return if again && now - seen > UNSEEN {
            alarm(newest.unwrap_or(nothing), format!("they could not be counted for {hours} hours"))
        } else {
            None
        };
    }
    let newest = newest?;
    if kind == AlarmKind::Quiet {
        let last = newest.newest_at.map_or(made_at, |at| at.max(made_at));
        let again = acknowledged.is_none_or(|at| last > at);
        return if again && newest.at - last > STALE {
            alarm(newest, format!("nothing new came for {} hours", (newest.at - last).num_hours()))
        } else {
            None
        };
    }
    // What a person has seen is where comparing begins again.
    let from = acknowledged.map_or(newest.at - WINDOW, |at| at.max(newest.at - WINDOW));
    let day = history.iter().filter(|look| look.at >= from && look.at < newest.at);
    match kind {
        AlarmKind::Shrunk => {
            let before = day.max_by_key(|look| (lost(look, &newest), look.objects, look.bytes))?;
            lost(before, &newest).then_some(())?;
            alarm(
                *before,
                format!(
                    "much is gone within a day: {} objects ({}) were there, {} ({}) are",
                    before.objects,
                    size(before.bytes),
                    newest.objects,
                    size(newest.bytes)
                ),
            )
        }
        AlarmKind::Replaced => {
            let before = day.max_by_key(|look| replaced(look, &newest))?;
            let gone = replaced(before, &newest);
            (gone > FEW_OBJECTS && gone.saturating_mul(SHARE) > before.objects).then_some(())?;
            alarm(
                *before,
                format!(
                    "{gone} objects were deleted or written over within a day, of {} that were there",
                    before.objects
                ),
            )
        }
        AlarmKind::Grown => {
            let before = day.filter(|look| whole(look) >= GROWN_BYTES_MIN).min_by_key(|look| whole(look))?;
            let (was, is) = (whole(before), whole(&newest));
            (is > was.saturating_mul(MULTIPLE)).then_some(())?;
            alarm(*before, format!("they have grown from {} to {} within a day", size(was), size(is)))
        }
        _ => None,
    }
}

/// Whether more than a fifth is gone, in objects or in bytes.
fn lost(before: &Look, now: &Look) -> bool {
    let gone = |was: u64, is: u64| was.saturating_sub(is).saturating_mul(SHARE) > was;
    let objects = gone(before.objects, now.objects) && before.objects - now.objects > FEW_OBJECTS;
    let all = before.objects > 0 && now.objects == 0;
    objects || all || gone(before.bytes, now.bytes)
}

/// Objects that were deleted or written over since, and that the service still keeps.
fn replaced(before: &Look, now: &Look) -> u64 {
    now.noncurrent_objects.saturating_sub(before.noncurrent_objects)
}

/// What is paid for.
fn whole(look: &Look) -> u64 {
    look.bytes.saturating_add(look.noncurrent_bytes)
}

/// Whether an open alarm is well again.
fn is_over(alarm: &Alarm, found: bool, newest: Option<&Look>) -> bool {
    if !alarm.kind.lasts() {
        return !found;
    }
    let Some(newest) = newest else { return false };
    match alarm.kind {
        AlarmKind::Shrunk => !found && !lost(&alarm.before, newest),
        // What was written over is there again only when a person has looked at it.
        AlarmKind::Replaced => false,
        _ => !found && whole(newest) <= whole(&alarm.before).saturating_mul(MULTIPLE),
    }
}

#[cfg(test)]
mod tests;
