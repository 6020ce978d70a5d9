use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    link::{ToProxy, Usage},
    tenant::TenantEventKind,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{JOURNAL_BYTES, Line, Meter, ORPHAN_PATIENCE};
use crate::outbox::Queue;

const POOL: u64 = 1_000;

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_003_200, 0).unwrap()
}

fn used(input: u64, output: u64) -> Vec<Usage> {
    vec![Usage { model: "openrouter/m".to_owned(), input, output, reported: true, first_token_ms: None }]
}

/// One thing that can happen.
#[derive(Debug, Clone)]
enum Step {
    Reserve(u8, u64),
    /// Uses this share (of 100) of what was reserved.
    Settle(u8, u64),
    /// The line breaks: all open reservations are orphans.
    Break,
    /// A kill, and a new start from the journal.
    Kill,
    /// A kill between two lines of a telling.
    KillWhileTelling,
    Tell,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 0..12_u8;
    let step = prop_oneof![
        4 => (id.clone(), 1..400_u64).prop_map(|(id, tokens)| Step::Reserve(id, tokens)),
        4 => (id, 0..=100_u64).prop_map(|(id, share)| Step::Settle(id, share)),
        1 => Just(Step::Break),
        1 => Just(Step::Kill),
        1 => Just(Step::KillWhileTelling),
        1 => Just(Step::Tell),
        1 => (0..40_i64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What must be true, kept the simple way.
#[derive(Default)]
struct Model {
    open: BTreeMap<Uuid, u64>,
    orphans: BTreeMap<Uuid, DateTime<Utc>>,
    ended: BTreeSet<Uuid>,
    used: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_interleaving_counts_a_reservation_twice_misses_one_or_exceeds_the_pool(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.jsonl");
        let mut queue = Queue::open(&folder.path().join("outbox"), drop).unwrap();
        let mut now = noon();
        let mut meter = Meter::open(&path, now).unwrap();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Reserve(id, tokens) => {
                    let request = Uuid::from_u128(u128::from(id));
                    if model.ended.contains(&request) {
                        continue;
                    }
                    let answer = meter.reserve(request, tokens, "openrouter/m", POOL, now);
                    let free = POOL - model.used - model.open.values().sum::<u64>();
                    let held = model.open.get(&request);
                    let expected = held.map_or(tokens <= free, |held| *held == tokens);
                    prop_assert_eq!(matches!(answer, ToProxy::Granted { .. }), expected, "{:?}", answer);
                    if expected {
                        model.open.insert(request, tokens);
                        model.orphans.remove(&request);
                    }
                }
                Step::Settle(id, share) => {
                    let request = Uuid::from_u128(u128::from(id));
                    let tokens = model.open.get(&request).copied().unwrap_or(300) * share / 100;
                    meter.settle(request, used(tokens / 2, tokens - tokens / 2), now).unwrap();
                    if model.open.remove(&request).is_some() {
                        model.used += tokens;
                        model.ended.insert(request);
                        model.orphans.remove(&request);
                    }
                }
                Step::Break => {
                    meter.orphan(&model.open.keys().copied().collect(), now);
                    model.orphans = model.open.keys().map(|id| (*id, now)).collect();
                }
                Step::Kill => {
                    meter = Meter::open(&path, now).unwrap();
                    model.orphans = model.open.keys().map(|id| (*id, now)).collect();
                }
                Step::KillWhileTelling => {
                    let told = meter.inner().state.to_tell(now + TimeDelta::hours(1));
                    if !told.is_empty() && meter.inner().state.telling().is_empty() {
                        meter.inner().write(Line::Telling { told: told.clone() }).unwrap();
                    }
                    if let Some(first) = meter.inner().state.telling().first() {
                        // Some were handed over when it died; the last of them may have been the last.
                        let event = TenantEventKind::TokensUsed {
                            hour: first.hour, model: first.model.clone(),
                            input: first.input, output: first.output, requests: first.requests,
                        };
                        queue.tell_numbered(first.number, event).unwrap();
                    }
                    meter = Meter::open(&path, now).unwrap();
                    queue = Queue::open(&folder.path().join("outbox"), drop).unwrap();
                    model.orphans = model.open.keys().map(|id| (*id, now)).collect();
                }
                Step::Tell => meter.tell(&queue, now + TimeDelta::hours(1)).unwrap(),
                Step::Wait(minutes) => {
                    now += TimeDelta::minutes(minutes);
                    meter.charge_orphans(now).unwrap();
                    let over: Vec<Uuid> = model.orphans.iter()
                        .filter(|(_, since)| now - **since > ORPHAN_PATIENCE).map(|(id, _)| *id).collect();
                    for request in over {
                        model.used += model.open.remove(&request).unwrap_or(0);
                        model.orphans.remove(&request);
                        model.ended.insert(request);
                    }
                }
            }
            let sign = meter.sign(POOL, now);
            prop_assert_eq!(sign.used, model.used);
            prop_assert_eq!(sign.reserved, model.open.values().sum::<u64>());
            prop_assert!(sign.used + sign.reserved <= POOL);
        }
        meter.tell(&queue, now + TimeDelta::hours(1)).unwrap();
        meter.tell(&queue, now + TimeDelta::hours(1)).unwrap();
        let told: u64 = queue.batch().unwrap().iter().map(|event| match &event.event {
            TenantEventKind::TokensUsed { input, output, .. } => input + output,
            other => panic!("{other:?}"),
        }).sum();
        prop_assert_eq!(told, model.used, "what was counted is told, once");
    }
}

#[test]
fn a_pool_is_filled_again_with_the_month_and_hours_are_told_when_they_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::open(&folder.path().join("outbox"), drop).unwrap();
    let meter = Meter::open(&folder.path().join("tokens.jsonl"), noon()).unwrap();
    let ask = |number: u128, tokens, now| meter.reserve(Uuid::from_u128(number), tokens, "a/b", POOL, now);
    assert!(matches!(ask(1, 900, noon()), ToProxy::Granted { .. }));
    meter.settle(Uuid::from_u128(1), used(800, 100), noon()).unwrap();
    let ToProxy::Denied { left, renews_at, .. } = ask(2, 101, noon()) else { panic!("too much") };
    assert_eq!((left, renews_at.to_rfc3339().as_str()), (100, "2026-12-01T00:00:00+00:00"));
    assert!(matches!(ask(3, 0, noon()), ToProxy::Granted { .. }));
    let december = noon() + TimeDelta::days(20);
    assert!(matches!(ask(4, POOL, december), ToProxy::Granted { .. }));
    meter.tell(&queue, noon()).unwrap();
    assert!(queue.batch().unwrap().is_empty(), "this hour is not over");
    meter.tell(&queue, noon() + TimeDelta::hours(1)).unwrap();
    assert_eq!(queue.batch().unwrap().len(), 1);
    assert_eq!(meter.sign(POOL, december).used, 0);
}

#[test]
fn a_long_journal_is_written_anew_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.jsonl");
    let meter = Meter::open(&path, noon()).unwrap();
    let mut number = 0;
    while meter.inner().journal.bytes() <= JOURNAL_BYTES {
        number += 1;
        meter.reserve(Uuid::from_u128(number), 2, "a/b", u64::MAX, noon());
        if !number.is_multiple_of(10) {
            meter.settle(Uuid::from_u128(number), used(1, 1), noon()).unwrap();
        }
    }
    let before = meter.sign(POOL, noon());
    meter.flush().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < JOURNAL_BYTES / 2);
    assert_eq!(meter.sign(POOL, noon()), before);
    meter.settle(Uuid::from_u128(10), used(1, 0), noon()).unwrap();
    let again = Meter::open(&path, noon()).unwrap();
    assert_eq!(again.sign(POOL, noon()).used, before.used + 1);
    assert_eq!(again.sign(POOL, noon()).reserved, before.reserved - 2);
}
