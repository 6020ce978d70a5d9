//! Tenants' servers: heartbeats in one commit, history, events once, revocation across processes.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{
    Beat, Defaults, EventsTaken, Introduction, KeyRefused, NewEntry, NewJob, Store, token_hash,
};
use letsbe_types::{
    ids::{JobId, OrderId},
    tenant::{Heartbeat, LogHead, TenantEvent, TenantEventKind, TokenSign, VaultSign, limits},
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
    let heartbeat = Heartbeat {
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
    };
    Beat::new(key(order), &heartbeat).unwrap()
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
    assert_eq!(world.store.take_events(&key(one), &[]).await.unwrap(), Err(KeyRefused::Revoked));
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
        let (first, second) =
            tokio::join!(world.store.take_events(&hash, &events), elsewhere.take_events(&hash, &events));
        let through = Ok(EventsTaken::Through(batch * 5 + 5));
        assert_eq!((first.unwrap(), second.unwrap()), (through, through));
    }
    let used = world.store.tokens(one, start() - TimeDelta::days(1)).await.unwrap();
    assert_eq!((used[0].input, used[0].requests), (500, 50));
}
