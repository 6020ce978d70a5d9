//! Tenants' servers: heartbeats in one commit, history, events once, revocation across processes.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{
    Beat, CutKind, Defaults, EventsTaken, Introduction, KeyRefused, NewEntry, NewJob, Store, token_hash,
};
use letsbe_types::{
    ids::{JobId, OrderId},
    tenant::{Heartbeat, LogChain, LogHead, TenantEvent, TenantEventKind, TokenSign, VaultSign, limits},
};

use crate::{World, start};

pub(crate) fn key(order: OrderId) -> String {
    token_hash(&format!("key of {order}"))
}

pub(crate) async fn tenant(world: &World) -> OrderId {
    let order = world.order().await;
    let new = NewJob {
        id: JobId::generate(),
        order,
        runner_token_hash: format!("runner of {order}"),
        registration_token_hash: format!("token of {order}"),
    };
    world.store.create_job(&new, world.now()).await.unwrap();
    let introduction = Introduction {
        token_hash: &format!("token of {order}"),
        identity: &format!("identity-{order}"),
        node_version: "0.1.0",
        key_hash: &key(order),
    };
    world.store.register_agent(introduction, &Defaults::default(), world.now()).await.unwrap();
    order
}

fn beat(order: OrderId, disk: u8) -> Beat {
    Beat::new(key(order), &heartbeat(disk)).unwrap()
}

fn heartbeat(disk: u8) -> Heartbeat {
    Heartbeat {
        version: limits::HEARTBEAT_VERSION,
        node_version: "0.1.0".into(),
        sent_at: start(),
        uptime_seconds: 1,
        disk_used_percent: disk,
        memory_used_mib: u64::from(disk) * 10,
        agent_memory_mib: 20,
        containers: Vec::new(),
        tokens: TokenSign { used: u64::from(disk), ..TokenSign::default() },
        backup: None,
        certificate_expires_at: None,
        updates: Vec::new(),
        drift: None,
        openclaw: None,
        vault: VaultSign::default(),
        approvals_pending: 0,
        events_waiting: 0,
        events_dropped: 0,
        configuration: 0,
        gate_log: LogHead::default(),
        gate_chain: None,
        uploads_full: false,
    }
}

/// A heartbeat that tells where the gate's log ends and, with `after`, the hashes since then.
fn logged(order: OrderId, end: (u64, &str), after: Option<(u64, &str, &[&str])>) -> Beat {
    let head = |entry, hash: &str| LogHead { entry, hash: hash.to_owned() };
    let gate_chain = after.map(|(entry, hash, hashes)| LogChain {
        after: head(entry, hash),
        hashes: hashes.iter().map(|hash| (*hash).to_owned()).collect(),
    });
    let heartbeat = Heartbeat { gate_log: head(end.0, end.1), gate_chain, ..heartbeat(1) };
    Beat::new(key(order), &heartbeat).unwrap()
}

#[tokio::test]
async fn a_gates_log_that_does_not_go_on_is_an_alarm_until_somebody_has_looked() {
    let world = World::new().await;
    let (one, store) = (tenant(&world).await, &world.store);
    let cut = async || store.agent(one).await.unwrap().unwrap().log_cut;
    let heard = async |beats: Vec<Beat>, minute: i64| {
        let now = start() + TimeDelta::minutes(minute);
        store.take_heartbeats(beats, now).await.unwrap().pop().unwrap().unwrap().gate_log.entry
    };
    assert_eq!(heard(vec![logged(one, (100, "h1"), None)], 0).await, 100);
    // An older program tells no chain, a forger may leave it out: said until the lines between are told.
    assert_eq!(heard(vec![logged(one, (101, "h2"), None)], 1).await, 100);
    assert_eq!(cut().await.map(|cut| (cut.kind, cut.from, cut.to)), Some((CutKind::Unlinked, 101, 101)));
    let way = logged(one, (102, "h3"), Some((100, "h1", &["h2", "h3"])));
    assert_eq!((heard(vec![way], 2).await, cut().await), (102, None));
    // The log was written anew with another line 102, and goes on from that. Both in one commit.
    let other = logged(one, (103, "x4"), Some((102, "x3", &["x4"])));
    let later = logged(one, (104, "x5"), Some((102, "x3", &["x4", "x5"])));
    assert_eq!(heard(vec![other, later], 3).await, 102);
    let found = cut().await.expect("an alarm");
    assert_eq!((found.kind, found.from, found.to), (CutKind::Changed, 102, 104));
    // What was there before is told again: it stays an alarm.
    let back = logged(one, (103, "h4"), Some((102, "h3", &["h4"])));
    assert_eq!(heard(vec![back], 4).await, 103);
    assert_eq!(cut().await.expect("still").at, found.at);
    let lines = store.timeline(one, 0, 100).await.unwrap();
    let told = lines.iter().filter(|line| line.message.contains("gate's log was cut or rewritten"));
    assert_eq!(told.count(), 1, "{lines:?}");
    let line = NewEntry::new("operator", "ok", "looked");
    assert!(store.accept_gate_log(one, &line, world.now()).await.unwrap());
    assert!(!store.accept_gate_log(one, &line, world.now()).await.unwrap());
    assert_eq!(cut().await, None);
    let heads = store.gate_heads(one).await.unwrap();
    let kept: Vec<(u64, bool)> = heads.iter().map(|head| (head.entry, head.linked)).collect();
    assert_eq!(kept, [(103, true), (103, false), (102, true), (101, false), (100, true)]);
}

#[tokio::test]
async fn one_end_of_a_gates_log_a_day_is_kept_for_ever() {
    let world = World::new().await;
    let (one, store) = (tenant(&world).await, &world.store);
    let mut hash = String::new();
    for number in 1..=9_u64 {
        let next = format!("h{number}");
        let beat = logged(one, (number, &next), Some((number - 1, &hash, &[&next])));
        // Three a day, from twelve o'clock on.
        let at =
            TimeDelta::days(((number - 1) / 3).cast_signed()) + TimeDelta::hours((number % 3).cast_signed());
        store.take_heartbeats(vec![beat], start() + at).await.unwrap();
        hash = next;
    }
    let entries = async || {
        let heads = store.gate_heads(one).await.unwrap();
        heads.iter().map(|head| head.entry).collect::<Vec<_>>()
    };
    assert_eq!(entries().await.len(), 9);
    let years_later = start() + TimeDelta::days(3 * 365);
    while store.keep_up(years_later).await.unwrap() {}
    assert_eq!(entries().await.len(), 3, "one for each day");
    // However often it is told, a minute has one row.
    for _ in 0..50 {
        let beat = logged(one, (10, "h10"), Some((9, "h9", &["h10"])));
        let other = logged(one, (11, "x"), None);
        store.take_heartbeats(vec![beat, other], years_later).await.unwrap();
    }
    assert_eq!(entries().await.len(), 5);
}

async fn take(store: &Store, beats: Vec<Beat>, now: DateTime<Utc>) -> Vec<Result<OrderId, KeyRefused>> {
    let answers = store.take_heartbeats(beats, now).await.unwrap();
    answers.into_iter().map(|answer| answer.map(|heard| heard.tenant)).collect()
}

#[tokio::test]
async fn heartbeats_are_answered_in_their_order_and_the_last_one_holds() {
    let world = World::new().await;
    let (one, other, revoked) = (tenant(&world).await, tenant(&world).await, tenant(&world).await);
    let line = NewEntry::new("operator", "ok", "revoked");
    assert!(world.store.revoke_agent(revoked, &line, world.now()).await.unwrap());
    let unknown = OrderId::generate();
    let beats =
        vec![beat(one, 10), beat(unknown, 1), beat(other, 7), beat(revoked, 2), beat(one, 30), beat(one, 20)];
    let answers = take(&world.store, beats, world.now()).await;
    let (strange, dead) = (Err(KeyRefused::Unknown), Err(KeyRefused::Revoked));
    assert_eq!(answers, [Ok(one), strange, Ok(other), dead, Ok(one), Ok(one)]);
    assert_eq!(take(&world.store, vec![beat(one, 15)], world.now()).await, [Ok(one)]);
    assert!(take(&world.store, Vec::new(), world.now()).await.is_empty());
    let hours = world.store.hours(one, start() - TimeDelta::hours(1)).await.unwrap();
    assert_eq!(hours.len(), 1);
    let hour = &hours[0];
    assert_eq!((hour.beats, hour.disk_max, hour.disk_used_percent, hour.tokens_used), (4, 30, 15, 15));
    assert_eq!((hour.memory_max, hour.memory_used_mib), (300, 150));
    let said = world.store.agent(one).await.unwrap().unwrap().last_heartbeat.unwrap();
    assert_eq!(said.disk_used_percent, 15);
    assert_eq!(world.store.agent(revoked).await.unwrap().unwrap().last_heartbeat_at, None);
}

#[tokio::test]
async fn more_heartbeats_than_one_statement_takes_are_all_taken() {
    let world = World::new().await;
    let mut tenants = Vec::new();
    for _ in 0..20 {
        tenants.push(tenant(&world).await);
    }
    let beats: Vec<Beat> = (0..1_500).map(|number| beat(tenants[number % 20], 1)).collect();
    let answers = take(&world.store, beats, world.now()).await;
    assert!(answers.iter().enumerate().all(|(number, answer)| *answer == Ok(tenants[number % 20])));
    for tenant in tenants {
        assert_eq!(world.store.hours(tenant, start() - TimeDelta::hours(1)).await.unwrap()[0].beats, 75);
    }
}

#[tokio::test]
async fn a_key_that_another_process_revoked_is_refused_by_the_next_commit() {
    let world = World::new().await;
    let one = tenant(&world).await;
    assert_eq!(take(&world.store, vec![beat(one, 1)], world.now()).await, [Ok(one)]);
    let elsewhere = world.another_process().await;
    elsewhere.revoke_agent(one, &NewEntry::new("operator", "ok", "revoked"), world.now()).await.unwrap();
    assert_eq!(take(&world.store, vec![beat(one, 1)], world.now()).await, [Err(KeyRefused::Revoked)]);
    assert_eq!(world.store.take_events(&key(one), &[], world.now()).await.unwrap(), Err(KeyRefused::Revoked));
    assert_eq!(world.store.waiting_commands(&key(one), world.now()).await.unwrap(), Err(KeyRefused::Revoked));
}

#[tokio::test]
async fn days_are_summed_up_hours_forgotten_and_nothing_is_counted_twice() {
    let world = World::new().await;
    let one = tenant(&world).await;
    let long_ago = start() - TimeDelta::days(2_000);
    // Six heartbeats on each of three days: at 12, 13 and 14 o'clock.
    for day in 0..3_u8 {
        for hour in 0..3_u8 {
            let now = start() + TimeDelta::days(day.into()) + TimeDelta::hours(hour.into());
            take(&world.store, vec![beat(one, day * 10 + hour), beat(one, 5)], now).await;
        }
    }
    let third = start() + TimeDelta::days(2);
    while world.store.keep_up(third).await.unwrap() {}
    assert!(!world.another_process().await.keep_up(third).await.unwrap(), "nothing is left to do");
    let days = world.store.days(one, long_ago).await.unwrap();
    assert_eq!(days.len(), 2, "today is not over");
    assert_eq!(days.iter().map(|day| day.beats).collect::<Vec<_>>(), [6, 6]);
    assert_eq!((days[0].disk_max, days[0].disk_used_percent), (12, 5));
    assert_eq!(world.store.hours(one, long_ago).await.unwrap().len(), 9);
    let month_later = start() + TimeDelta::days(31) + TimeDelta::hours(13);
    while world.store.keep_up(month_later).await.unwrap() {}
    let days = world.store.days(one, long_ago).await.unwrap();
    assert_eq!(
        days.iter().map(|day| day.beats).sum::<u64>(),
        18,
        "what was counted hour by hour is in the days"
    );
    let hours = world.store.hours(one, long_ago).await.unwrap();
    let oldest = month_later - TimeDelta::days(30);
    assert!(!hours.is_empty() && hours.iter().all(|hour| hour.start >= oldest), "{hours:?}");
    let years_later = start() + TimeDelta::days(500);
    while world.store.keep_up(years_later).await.unwrap() {}
    assert!(world.store.days(one, long_ago).await.unwrap().is_empty());
}

fn tokens(sequence: u64) -> TenantEvent {
    let event = TenantEventKind::TokensUsed {
        hour: start(),
        model: "lab/model".into(),
        input: 10,
        output: 1,
        requests: 1,
    };
    TenantEvent { sequence, at: start(), event }
}

#[tokio::test]
async fn events_sent_twice_at_the_same_time_count_once() {
    let world = World::new().await;
    let one = tenant(&world).await;
    let elsewhere = world.another_process().await;
    let hash = key(one);
    for batch in 0..10_u64 {
        let events: Vec<TenantEvent> = (batch * 5 + 1..=batch * 5 + 5).map(tokens).collect();
        let (first, second) = tokio::join!(
            world.store.take_events(&hash, &events, start()),
            elsewhere.take_events(&hash, &events, start())
        );
        let through = Ok(EventsTaken::Through(batch * 5 + 5));
        assert_eq!((first.unwrap(), second.unwrap()), (through, through));
    }
    let used = world.store.tokens(one, start() - TimeDelta::days(1)).await.unwrap();
    assert_eq!((used[0].input, used[0].requests), (500, 50));
}
