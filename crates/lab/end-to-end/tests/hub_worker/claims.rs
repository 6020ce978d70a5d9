//! A server belongs to one order, and to none that is not beyond doubt free.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use letsbe_lifecycle::order::{EffectKind, Event, Phase};
use letsbe_simulators::netcup::SimServer;
use letsbe_store::{Finished, StoreError};
use letsbe_types::ids::OrderId;

use super::{
    bench::{Bench, build_server, eventually, pace, server_id},
    provider::PromptPool,
};

/// Server 1 is free; server 2 only once its nickname is gone.
async fn one_free_server() -> Bench {
    let reserved = SimServer { nickname: Some("reserved".into()), ..build_server(2) };
    Bench::with(vec![build_server(1), reserved]).await
}

/// The order that has a server, and the one that waits for another.
async fn winner_and_loser(bench: &Bench, one: OrderId, other: OrderId) -> (OrderId, OrderId) {
    let decided = eventually(async || {
        let [first, second] = [bench.order(one).await.state, bench.order(other).await.state];
        match (first.phase, second.phase) {
            (Phase::DnsPending, Phase::PaymentConfirmed) if second.purchase_asked => Some((one, other)),
            (Phase::PaymentConfirmed, Phase::DnsPending) if first.purchase_asked => Some((other, one)),
            _ => None,
        }
    });
    let decided = decided.await;
    let lines = (bench.lines(one).await, bench.lines(other).await);
    decided.unwrap_or_else(|| panic!("no winner and loser: {lines:#?}"))
}

#[tokio::test]
async fn two_workers_and_two_orders_do_not_share_a_server() {
    let bench = one_free_server().await;
    let pool = Arc::new(PromptPool::read_together(bench.pool()));
    for owner in ["one", "other"] {
        let mut worker = bench.worker(owner);
        worker.store = bench.store_of_another_process().await;
        worker.provider = Arc::clone(&pool) as _;
        tokio::spawn(Arc::new(worker).run());
    }
    let (one, other) = (bench.paid_order("one.example").await, bench.paid_order("other.example").await);
    let (winner, loser) = winner_and_loser(&bench, one, other).await;
    bench.ready(winner, 1, 1).await;
    assert_eq!(bench.installs(), [(1, 1)]);
    assert_eq!(bench.taken().await, [server_id(1)]);
    let problem = bench.order(loser).await.state.problem.expect("a problem");
    assert_eq!(problem.code, "POOL001");
    for reason in ["netcup:1 already taken", "netcup:2 is named \"reserved\""] {
        assert!(problem.message.contains(reason), "{problem}");
    }
    bench.until(loser, "with a purchase task", |order| order.state.purchase_asked).await;

    bench.client().set_nickname(2, "").await.expect("free now");
    bench.ready(loser, 2, 1).await;
    assert_eq!(bench.installs(), [(1, 1), (2, 1)]);
    // Asking for a purchase has nothing to wait for, and nothing waits for it.
    bench.quiet(2).await;
    assert_eq!(bench.said(loser, "A task was opened: this order needs a server").await, 1);
    assert_eq!(bench.said(winner, "A task was opened: this order needs a server").await, 0);
}

#[tokio::test]
async fn a_claim_that_comes_second_is_refused_and_looked_at_again() {
    let bench = one_free_server().await;
    let ids = [bench.paid_order("one.example").await, bench.paid_order("other.example").await];
    let now = Utc::now();
    let lease = async |owner| {
        let leased = bench.store.lease_effect(owner, TimeDelta::milliseconds(100), now).await;
        leased.expect("the database").expect("work")
    };
    let leased = [lease("one").await, lease("other").await];
    assert_eq!(
        leased.clone().map(|leased| (leased.order, leased.kind)),
        ids.map(|id| (id, EffectKind::ClaimServer))
    );
    let claim = Event::ServerClaimed { server: server_id(1) };
    let first = bench.store.finish_effect(&leased[0], &claim, &pace(), now).await;
    assert!(matches!(first, Ok(Finished::Applied(_))), "{first:?}");
    let second = bench.store.finish_effect(&leased[1], &claim, &pace(), now).await;
    assert!(matches!(&second, Err(StoreError::ServerTaken(server)) if *server == server_id(1)), "{second:?}");
    assert_eq!(bench.order(ids[1]).await.state.server, None);

    bench.start("three");
    bench.ready(ids[0], 1, 1).await;
    bench.until(ids[1], "waiting for a server", |order| order.state.purchase_asked).await;
    assert_eq!(bench.installs(), [(1, 1)]);
    assert_eq!(bench.taken().await, [server_id(1)]);
}

#[tokio::test]
async fn what_is_not_beyond_doubt_free_is_never_touched() {
    let with = |number, change: fn(&mut SimServer)| {
        let mut server = build_server(number);
        change(&mut server);
        server
    };
    let cases: [(SimServer, &str); 9] = [
        (with(1, |server| server.disabled = true), "disabled by the provider"),
        (with(2, |server| server.template = Some("Plesk".into())), "has the template \"Plesk\""),
        (with(3, |server| server.nickname = Some("mail".into())), "is named \"mail\""),
        (with(4, |server| server.hostname = Some("db.acme.example".into())), "is named \"db.acme.example\""),
        (with(5, |server| server.rescue = true), "in the rescue system"),
        (with(6, |server| server.state = "PAUSED".into()), "power state \"PAUSED\""),
        (with(7, |server| server.city = "Manassas".into()), "stands at \"Manassas\""),
        (with(8, |server| server.memory_mib = 8192), "too small"),
        (with(9, |server| server.memory_mib = 65_536), "kept for a larger tier"),
    ];
    let bench = Bench::with(cases.iter().map(|(server, _)| server.clone()).collect()).await;
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    let order = bench.until(id, "waiting for a server", |order| order.state.purchase_asked).await;
    let problem = order.state.problem.expect("a problem");
    for (server, reason) in cases {
        let reason = format!("netcup:{} {reason}", server.id);
        assert!(problem.message.contains(&reason), "{reason}: {problem}");
    }
    assert_eq!((bench.installs(), bench.taken().await), (vec![], vec![]));
    assert!(bench.sim.calls().iter().all(|call| call.method == "GET"), "{:#?}", bench.sim.calls());
}

#[tokio::test]
async fn a_template_that_servers_are_delivered_with_can_be_named() {
    let delivered = SimServer { template: Some("VPS 1000 G12".into()), ..build_server(1) };
    let other = SimServer { template: Some("Plesk".into()), ..build_server(2) };
    let bench = Bench::with(vec![other, delivered]).await;
    let mut worker = bench.worker("one");
    worker.delivered_templates = ["VPS 1000 G12".to_owned()].into();
    tokio::spawn(Arc::new(worker).run());
    let id = bench.paid_order("shop.example").await;
    bench.ready_alone(id, 1, 1).await;
}

#[tokio::test]
async fn an_empty_pool_is_asked_for_a_server_once_and_then_looked_into_again() {
    let bench = Bench::with_one().await;
    bench.faults(|faults| faults.empty_pool = true);
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    let looks = async || (bench.calls_with("/v1/servers?") >= 3).then_some(());
    eventually(looks).await.unwrap_or_else(|| panic!("no third look: {:#?}", bench.sim.calls()));
    let state = bench.order(id).await.state;
    assert_eq!((state.phase, state.server, state.needs_operator), (Phase::PaymentConfirmed, None, false));
    let problem = state.problem.expect("a problem");
    assert!(problem.code == "POOL001" && problem.message.contains("the pool is empty"), "{problem}");
    assert_eq!(bench.said(id, "[POOL001]").await, 1);
    assert_eq!(bench.installs(), []);

    bench.faults(|faults| faults.empty_pool = false);
    bench.ready_alone(id, 1, 1).await;
    assert_eq!(bench.said(id, "A task was opened: this order needs a server").await, 1);
}
