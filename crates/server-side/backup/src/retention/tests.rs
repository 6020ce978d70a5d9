use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, Duration, FixedOffset, NaiveDate, Utc};
use letsbe_types::ids::SetId;
use proptest::prelude::*;

use super::{Decision, decide};
use crate::{BackupSet, Item, SetKind};

fn berlin() -> FixedOffset {
    FixedOffset::east_opt(3600).expect("an offset")
}

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().expect("a moment")
}

fn id(number: usize) -> SetId {
    format!("00000000-0000-0000-0000-{number:012x}").parse().expect("an id")
}

fn set(number: usize, taken_at: DateTime<Utc>, kind: SetKind, item: Item) -> BackupSet {
    let items = BTreeMap::from([(item, "snapshot".to_owned())]);
    BackupSet { id: id(number), tool: "ghost".to_owned(), taken_at, kind, items }
}

fn nightly(number: usize, taken_at: DateTime<Utc>) -> BackupSet {
    set(number, taken_at, SetKind::Nightly, Item::Manifest)
}

fn kept<'a>(sets: &'a [BackupSet], decision: &'a Decision) -> Vec<&'a BackupSet> {
    sets.iter().filter(|set| decision.keep.contains_key(&set.id)).collect()
}

fn days(sets: &[&BackupSet]) -> BTreeSet<NaiveDate> {
    sets.iter().map(|set| set.taken_at.with_timezone(&berlin()).date_naive()).collect()
}

fn weeks(days: &BTreeSet<NaiveDate>) -> usize {
    days.iter().map(NaiveDate::iso_week).collect::<BTreeSet<_>>().len()
}

/// Each night's set, and what was decided after it.
fn nights(moments: impl Iterator<Item = DateTime<Utc>>) -> Vec<BackupSet> {
    let mut sets: Vec<BackupSet> = Vec::new();
    for (number, taken_at) in moments.enumerate() {
        sets.push(nightly(number, taken_at));
        let decision = decide(&sets, None, taken_at, berlin());
        sets.retain(|set| decision.keep.contains_key(&set.id));
    }
    sets
}

#[test]
fn a_year_of_nights_leaves_seven_days_and_the_sundays_of_four_weeks() {
    // 2026-11-18 is a Wednesday.
    let last = moment("2026-11-18T01:00:00Z");
    let left = nights((0..365).rev().map(|back| last - Duration::days(back)));
    let told: Vec<String> = days(&left.iter().collect::<Vec<_>>()).iter().map(ToString::to_string).collect();
    let weekly = ["2026-10-25", "2026-11-01", "2026-11-08"];
    let daily =
        ["2026-11-12", "2026-11-13", "2026-11-14", "2026-11-15", "2026-11-16", "2026-11-17", "2026-11-18"];
    assert_eq!(told, [weekly.as_slice(), daily.as_slice()].concat());
    let decision = decide(&left, None, last, berlin());
    let why = &decision.keep[&left.iter().find(|set| set.taken_at == last).expect("the last").id];
    assert_eq!(why, &["the day 2026-11-18", "the newest one"]);
    assert_eq!(decision.keep.values().flatten().filter(|why| why.starts_with("the week")).count(), 4);
}

#[test]
fn weeks_of_failed_nights_push_nothing_out() {
    let last = moment("2026-10-01T01:00:00Z");
    let sets: Vec<_> = (0..7).map(|back| nightly(back, last - Duration::days(7 * back as i64))).collect();
    let decision = decide(&sets, None, last + Duration::days(200), berlin());
    assert_eq!(decision.forget, []);
}

#[test]
fn of_a_day_the_last_nights_set_stays_and_others_by_their_kind() {
    let now = moment("2026-11-18T20:00:00Z");
    let at = |days: i64, hour: i64| now - Duration::days(days) - Duration::hours(20 - hour);
    let manifest = || Item::Manifest;
    let sets = [
        nightly(1, at(0, 1)),
        nightly(2, at(0, 2)),
        set(3, at(0, 3), SetKind::Manual, manifest()),
        set(4, at(0, 4), SetKind::Safety, manifest()),
        set(5, at(6, 4), SetKind::Safety, manifest()),
        set(6, at(6, 5), SetKind::Manual, manifest()),
        set(7, at(8, 4), SetKind::Safety, manifest()),
        nightly(8, at(8, 1)),
        set(9, at(8, 12), SetKind::Manual, manifest()),
        // The only one of its day.
        set(10, at(9, 12), SetKind::Manual, manifest()),
        set(11, at(0, 5), SetKind::Nightly, Item::Database("ghost".to_owned())),
        set(12, at(2, 5), SetKind::Nightly, Item::Database("ghost".to_owned())),
    ];
    let decision = decide(&sets, None, now, berlin());
    let gone: Vec<SetId> = [10_usize, 8, 7, 9, 6, 5, 12, 1, 2, 3, 4, 11]
        .map(id)
        .into_iter()
        .filter(|id| !decision.keep.contains_key(id))
        .collect();
    assert_eq!(gone, [7, 9, 12, 1].map(id), "{decision:#?}");
    assert!(decide(&sets, Some(id(9)), now, berlin()).keep.contains_key(&id(9)), "it was proven");
}

#[test]
fn sets_stamped_in_the_future_push_nothing_out_and_a_clock_set_back_throws_nothing_away() {
    let now = moment("2026-11-18T01:00:00Z");
    let good: Vec<_> = (0..7).map(|back| nightly(back, now - Duration::days(back as i64))).collect();
    let far = (0..1_000).map(|number| nightly(100 + number, now + Duration::days(365 + number as i64)));
    let sets: Vec<_> = good.iter().cloned().chain(far).collect();
    let decision = decide(&sets, None, now, berlin());
    assert!(good.iter().all(|set| decision.keep.contains_key(&set.id)));
    assert!(decision.keep.len() <= 7 + 11);
    let back = decide(&good, None, moment("2020-01-01T00:00:00Z"), berlin());
    assert_eq!(back.forget, []);
}

#[test]
fn the_hour_that_a_day_loses_or_gains_loses_no_night() {
    for switch in ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"] {
        let switch = moment(switch);
        // At 02:00 local, whatever that is by UTC.
        let night = |number: i64| {
            let summer = (number < 0) == (switch.month() == 10);
            let day = switch + Duration::days(number);
            nightly((100 + number) as usize, if summer { day - Duration::hours(1) } else { day })
        };
        let sets: Vec<_> = (-3..=3).map(night).collect();
        for hours in [1, 2] {
            let offset = FixedOffset::east_opt(hours * 3600).expect("an offset");
            let now = switch + Duration::days(4);
            assert_eq!(decide(&sets, None, now, offset).forget, []);
        }
    }
}

fn any_sets() -> impl Strategy<Value = Vec<BackupSet>> {
    let kinds = prop::sample::select(vec![SetKind::Nightly, SetKind::Manual, SetKind::Safety]);
    let one = (-60_i64..20, 0_i64..24, kinds, prop::bool::weighted(0.8));
    prop::collection::vec(one, 0..60).prop_map(|all| {
        let made = |(number, (day, hour, kind, whole)): (usize, (i64, i64, SetKind, bool))| {
            let item = if whole { Item::Manifest } else { Item::Files("data".to_owned()) };
            set(number, noon() + Duration::days(day) + Duration::hours(hour), kind, item)
        };
        all.into_iter().enumerate().map(made).collect()
    })
}

fn noon() -> DateTime<Utc> {
    moment("2026-11-18T12:00:00Z")
}

proptest! {
    #[test]
    fn what_is_decided_never_empties_and_is_decided_once(
        sets in any_sets(),
        proven in prop::option::of(0_usize..60),
        swaps in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..60),
    ) {
        let proven = proven.map(id);
        let decision = decide(&sets, proven, noon(), berlin());
        // Every set is decided about, once.
        let told: BTreeSet<SetId> = decision.keep.keys().chain(&decision.forget).copied().collect();
        prop_assert_eq!(told.len(), sets.len());
        prop_assert_eq!(decision.keep.len() + decision.forget.len(), sets.len());
        prop_assert!(decision.keep.values().all(|reasons| !reasons.is_empty()));
        // The newest complete one, the proven one and young safety sets are there.
        let complete = || sets.iter().filter(|set| set.is_complete());
        if let Some(newest) = complete().max_by_key(|set| (set.taken_at, set.id)) {
            prop_assert!(decision.keep.contains_key(&newest.id));
        }
        let past = complete().filter(|set| set.taken_at <= noon());
        if let Some(newest) = past.max_by_key(|set| (set.taken_at, set.id)) {
            prop_assert!(decision.keep.contains_key(&newest.id));
        }
        for set in complete() {
            let safe = set.kind != SetKind::Nightly && set.taken_at > noon() - Duration::days(7);
            if safe || Some(set.id) == proven {
                prop_assert!(decision.keep.contains_key(&set.id));
            }
        }
        // Deciding again forgets nothing more.
        let left: Vec<BackupSet> = kept(&sets, &decision).into_iter().cloned().collect();
        prop_assert_eq!(decide(&left, proven, noon(), berlin()).forget, vec![]);
        // The order in which they are listed does not matter.
        let mut mixed = sets.clone();
        for (one, other) in swaps {
            if !mixed.is_empty() {
                let (one, other) = (one.index(mixed.len()), other.index(mixed.len()));
                mixed.swap(one, other);
            }
        }
        prop_assert_eq!(decide(&mixed, proven, noon(), berlin()), decision);
    }

    #[test]
    fn after_any_nights_seven_days_and_four_weeks_remain_and_not_many_more(
        steps in prop::collection::vec((1_i64..9, 0_i64..180), 1..120),
    ) {
        let mut at = moment("2026-01-01T01:00:00Z");
        let moments: Vec<DateTime<Utc>> = steps
            .iter()
            .map(|(days, minutes)| {
                at += Duration::days(*days);
                at + Duration::minutes(*minutes)
            })
            .collect();
        let left = nights(moments.iter().copied());
        let left_days = days(&left.iter().collect::<Vec<_>>());
        let all_days: BTreeSet<NaiveDate> =
            moments.iter().map(|at| at.with_timezone(&berlin()).date_naive()).collect();
        let newest: Vec<NaiveDate> = all_days.iter().rev().take(7).copied().collect();
        prop_assert!(newest.iter().all(|day| left_days.contains(day)));
        prop_assert!(weeks(&left_days) >= weeks(&all_days).min(5));
        prop_assert!(left.len() <= 11);
    }
}
