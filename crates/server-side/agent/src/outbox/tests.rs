use std::{collections::BTreeSet, io::Write as _};

use letsbe_types::{
    Code, Problem,
    tenant::{TenantEventKind, UpdateSign},
};
use proptest::prelude::*;

use super::{
    Queue,
    index::{Entry, Index, Segment},
};
use crate::context::Outbox as _;

fn event(text: &str) -> TenantEventKind {
    TenantEventKind::Trouble { problem: Problem::permanent(Code::WORK001, text, "") }
}

fn text(event: &TenantEventKind) -> String {
    match event {
        TenantEventKind::Trouble { problem } => problem.message.clone(),
        other => panic!("{other:?}"),
    }
}

/// One thing that can happen.
#[derive(Debug, Clone)]
enum Step {
    Tell,
    /// With a number of the sender's own, which may have been told before.
    TellNumbered(u64),
    /// The Hub takes this share (of 10) of a batch.
    Take(usize),
    Kill,
    /// A kill in the middle of a write.
    KillTorn,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Tell),
        2 => (1..9_u64).prop_map(Step::TellNumbered),
        2 => (0..=10_usize).prop_map(Step::Take),
        1 => Just(Step::Kill),
        1 => Just(Step::KillTorn),
    ];
    proptest::collection::vec(step, 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn events_are_kept_in_order_without_gaps_over_kills_and_torn_writes(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = Queue::open(folder.path(), drop).unwrap();
        let (mut waiting, mut last, mut number) = (Vec::<(u64, String)>::new(), 0, 0);
        for (index, step) in steps.into_iter().enumerate() {
            let message = format!("event {index}");
            match step {
                Step::Tell => {
                    queue.publish(event(&message)).unwrap();
                    last += 1;
                    waiting.push((last, message));
                }
                Step::TellNumbered(new) => {
                    queue.publish_numbered(new, event(&message)).unwrap();
                    if new > number {
                        number = new;
                        last += 1;
                        waiting.push((last, message));
                    }
                }
                Step::Take(share) => {
                    let taken = waiting.len() * share / 10;
                    if let Some((sequence, _)) = taken.checked_sub(1).and_then(|at| waiting.get(at)) {
                        queue.acknowledge(*sequence).unwrap();
                        waiting.drain(..taken);
                    }
                }
                Step::Kill => queue = Queue::open(folder.path(), drop).unwrap(),
                Step::KillTorn => {
                    let name = super::segment_names(folder.path()).unwrap().pop();
                    if let Some(name) = name {
                        let mut file =
                            std::fs::OpenOptions::new().append(true).open(folder.path().join(name)).unwrap();
                        file.write_all(b"{\"event\":{\"sequence\":9").unwrap();
                    }
                    queue = Queue::open(folder.path(), drop).unwrap();
                }
            }
            let found: Vec<(u64, String)> =
                queue.batch().unwrap().iter().map(|event| (event.sequence, text(&event.event))).collect();
            prop_assert_eq!(&found, &waiting);
            prop_assert_eq!(queue.waiting().events as usize, waiting.len());
        }
    }
}

#[test]
fn a_full_queue_drops_the_oldest_that_are_not_vital_and_vital_ones_last() {
    let mut index = Index::default();
    let mut fill = |range: std::ops::RangeInclusive<u64>, vital: bool| {
        for sequence in range {
            if index.newest_is_full() {
                index.segments.push_back(Segment::new(sequence.to_string()));
            }
            index.push(Entry { sequence, bytes: 100, vital });
        }
        index.victims()
    };
    assert!(fill(1..=4_000, true).is_empty());
    assert!(fill(4_001..=10_000, false).is_empty(), "ten thousand may wait");
    let victims = fill(10_001..=10_001, false);
    assert_eq!(victims, (4_001..=4_501).collect::<BTreeSet<u64>>(), "the oldest that are not vital");
    index.remove(|sequence| victims.contains(&sequence));
    assert!(index.victims().is_empty());
    let large = Entry { sequence: 10_002, bytes: 17 << 20, vital: true };
    index.push(large);
    let victims = index.victims();
    assert!(victims.contains(&4_502) && victims.contains(&1), "then the others, vital ones last");
}

#[test]
fn what_a_hub_lost_that_came_back_from_its_backup_waits_again_over_kills() {
    let folder = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(folder.path(), drop).unwrap();
    let waiting =
        |queue: &Queue| queue.batch().unwrap().iter().map(|event| event.sequence).collect::<Vec<_>>();
    for number in 1..=6 {
        queue.publish(event(&number.to_string())).unwrap();
        if number % 2 == 0 {
            queue.acknowledge(number).unwrap();
        }
    }
    queue.publish(event("7")).unwrap();
    assert_eq!(waiting(&queue), [7]);
    // The backup was made when the Hub had three.
    for _ in 0..2 {
        queue.lost(3).unwrap();
        assert_eq!(waiting(&queue), [4, 5, 6, 7], "what it took since, and what waited");
        queue = Queue::open(folder.path(), drop).unwrap();
        assert_eq!(waiting(&queue), [4, 5, 6, 7]);
    }
    queue.acknowledge(7).unwrap();
    queue.lost(7).unwrap();
    queue.lost(9).unwrap();
    assert_eq!(waiting(&queue), [0_u64; 0], "a Hub that lost nothing gets nothing again");
    queue.publish(event("8")).unwrap();
    assert_eq!(waiting(&queue), [8], "numbers go on");
}

#[test]
fn what_is_dropped_or_given_up_is_counted_and_leaves_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::open(folder.path(), drop).unwrap();
    for number in 1..=5 {
        queue.publish(event(&number.to_string())).unwrap();
    }
    queue.give_up(3).unwrap();
    queue.give_up(5).unwrap();
    queue.publish(event("6")).unwrap();
    for queue in [queue, Queue::open(folder.path(), drop).unwrap()] {
        let sequences: Vec<u64> = queue.batch().unwrap().iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, [1, 2, 4, 6]);
        assert_eq!(queue.waiting().dropped, 2);
    }
}

#[test]
fn a_message_is_not_longer_than_the_hub_takes() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::open(folder.path(), drop).unwrap();
    for _ in 0..12 {
        let update = UpdateSign { image: "x".repeat(100_000), digest: None, seen_at: chrono::Utc::now() };
        queue.publish(TenantEventKind::UpdateSeen { update }).unwrap();
    }
    let first = queue.batch().unwrap();
    assert_eq!(first.len(), 5);
    queue.acknowledge(5).unwrap();
    assert_eq!(queue.batch().unwrap().first().unwrap().sequence, 6);
}
