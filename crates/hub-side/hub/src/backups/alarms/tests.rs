use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    backups::{Alarm, AlarmKind, Look},
    ids::AlarmId,
};
use proptest::prelude::*;

use super::{Changes, WINDOW, decide};

fn start() -> DateTime<Utc> {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

fn at(hour: i64) -> DateTime<Utc> {
    start() + TimeDelta::hours(hour)
}

fn look(hour: i64, objects: u64, bytes: u64) -> Look {
    Look {
        at: at(hour),
        objects,
        bytes,
        noncurrent_objects: 0,
        noncurrent_bytes: 0,
        delete_markers: 0,
        newest_at: Some(at(hour)),
    }
}

fn kinds(changes: &Changes) -> Vec<AlarmKind> {
    changes.opened.iter().map(|alarm| alarm.kind).collect()
}

/// Goes through the looks as the Hub does, and keeps the alarms.
#[derive(Default)]
struct Story {
    history: Vec<Look>,
    alarms: Vec<Alarm>,
}

impl Story {
    fn see(&mut self, look: Look) -> Vec<AlarmKind> {
        self.history.push(look);
        let from = look.at - WINDOW - TimeDelta::hours(1);
        let seen: Vec<Look> = self.history.iter().copied().filter(|look| look.at >= from).collect();
        let changes = decide(&seen, &self.alarms, start(), look.at);
        for id in &changes.ended {
            self.alarms.iter_mut().find(|alarm| alarm.id == *id).unwrap().ended_at = Some(look.at);
        }
        let opened = kinds(&changes);
        for new in changes.opened {
            self.alarms.insert(
                0,
                Alarm {
                    id: AlarmId::generate(),
                    kind: new.kind,
                    message: new.message,
                    began_at: look.at,
                    before: new.before,
                    ended_at: None,
                    acknowledged_by: None,
                    acknowledged_at: None,
                },
            );
        }
        opened
    }

    fn open(&self) -> Vec<AlarmKind> {
        let open = self.alarms.iter();
        let open = open.filter(|alarm| alarm.ended_at.is_none() && alarm.acknowledged_at.is_none());
        open.map(|alarm| alarm.kind).collect()
    }

    fn acknowledge(&mut self, hour: i64) {
        self.alarms.iter_mut().for_each(|alarm| alarm.acknowledged_at = Some(at(hour)));
    }
}

#[test]
fn what_is_gone_within_a_day_stays_an_alarm_until_it_is_back_or_a_person_has_looked() {
    let mut story = Story::default();
    for hour in 0..30 {
        assert_eq!(story.see(look(hour, 1_000, 9_000_000_000)), []);
    }
    assert_eq!(story.see(look(30, 700, 8_900_000_000)), [AlarmKind::Shrunk]);
    for hour in 31..90 {
        assert_eq!(story.see(look(hour, 700, 8_900_000_000)), [], "no second alarm");
    }
    assert_eq!(story.open(), [AlarmKind::Shrunk], "the days pass, nothing is back");
    story.see(look(90, 950, 8_900_000_000));
    assert_eq!(story.open(), [], "it is back");
    assert_eq!(story.see(look(91, 100, 8_900_000_000)), [AlarmKind::Shrunk]);
    story.acknowledge(92);
    assert_eq!(story.see(look(93, 100, 8_900_000_000)), [], "a person has seen it");
    assert_eq!(story.see(look(94, 10, 8_900_000_000)), [AlarmKind::Shrunk], "and it goes on");
}

#[test]
fn garbage_in_the_place_of_backups_is_seen_although_the_numbers_are_the_same() {
    let mut story = Story::default();
    story.see(look(0, 1_000, 9_000_000_000));
    let swapped = Look { noncurrent_objects: 400, noncurrent_bytes: 4, ..look(1, 1_000, 9_000_000_000) };
    assert_eq!(story.see(swapped), [AlarmKind::Replaced]);
    let later = Look { noncurrent_objects: 410, ..look(50, 1_000, 9_000_000_000) };
    assert_eq!(story.see(later), []);
    assert_eq!(story.open(), [AlarmKind::Replaced]);
}

#[test]
fn growth_quiet_and_blindness_are_alarms_of_their_own() {
    let mut story = Story::default();
    assert_eq!(story.see(look(1, 10, 1_000)), [], "the first night may grow as it likes");
    assert_eq!(story.see(look(2, 500, 2_000_000_000)), []);
    assert_eq!(story.see(look(3, 600, 6_000_000_000)), []);
    assert_eq!(story.see(look(4, 700, 6_000_000_001)), [AlarmKind::Grown]);
    let quiet = |hour: i64| Look { newest_at: Some(at(4)), ..look(hour, 700, 6_000_000_001) };
    assert_eq!(story.see(quiet(30)), []);
    assert_eq!(story.see(quiet(31)), [AlarmKind::Quiet]);
    story.see(look(32, 700, 6_000_000_001));
    assert!(!story.open().contains(&AlarmKind::Quiet));
    let history = story.history.clone();
    assert_eq!(kinds(&decide(&history, &[], start(), at(38))), []);
    assert_eq!(kinds(&decide(&history, &[], start(), at(39))), [AlarmKind::Unseen]);
    assert_eq!(kinds(&decide(&[], &[], start(), at(6))), [], "it was set up a moment ago");
    assert_eq!(kinds(&decide(&[], &[], start(), at(7))), [AlarmKind::Unseen]);
}

fn looks(share: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Vec<Look>> {
    proptest::collection::vec((share.clone(), share, 0_u64..30), 2..60).prop_map(|numbers| {
        let one = |(hour, (objects, bytes, gone)): (usize, (u64, u64, u64))| Look {
            noncurrent_objects: gone,
            ..look(i64::try_from(hour).unwrap(), objects * 100, bytes * 100_000_000)
        };
        numbers.into_iter().enumerate().map(one).collect()
    })
}

proptest! {
    #[test]
    fn whatever_stays_within_a_fifth_alarms_nobody(history in looks(80..=100)) {
        let mut story = Story::default();
        for look in history {
            prop_assert_eq!(story.see(look), []);
        }
    }

    #[test]
    fn every_loss_of_more_than_a_fifth_within_a_day_is_found(
        mut history in looks(80..=100),
        left in 0_u64..=79,
        of_bytes in any::<bool>(),
    ) {
        let first = history[0];
        let hour = i64::try_from(history.len().min(24)).unwrap();
        history.truncate(24);
        let mut last = look(hour, first.objects, first.bytes);
        if of_bytes {
            last.bytes = first.bytes * left / 100;
        } else {
            last.objects = first.objects * left / 100;
        }
        let mut story = Story::default();
        history.into_iter().for_each(|look| drop(story.see(look)));
        prop_assert!(story.see(last).contains(&AlarmKind::Shrunk));
    }

    #[test]
    fn no_numbers_are_too_wild_and_nothing_is_opened_twice(
        wild in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), 0_i64..5), 1..40),
    ) {
        let mut story = Story::default();
        let mut hour = 0;
        for (objects, bytes, noncurrent_objects, noncurrent_bytes, later) in wild {
            hour += later;
            story.see(Look { noncurrent_objects, noncurrent_bytes, ..look(hour, objects, bytes) });
            let open = story.open();
            let different: std::collections::BTreeSet<_> = open.iter().collect();
            prop_assert_eq!(different.len(), open.len());
        }
    }
}
