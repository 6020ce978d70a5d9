//! Workers die and customers change their minds in the middle of an installation.

use chrono::{TimeDelta, Utc};
use futures::future::join_all;
use letsbe_lifecycle::order::{EffectKind, Event, Phase};
use letsbe_simulators::netcup::Faults;
use letsbe_store::{Finished, PaymentOutcome};

use super::bench::{Bench, eventually, pace, server_id};

type Fault = fn(&mut Faults);

/// Kills the first worker while the installation runs; the second finds it running, or already over.
async fn dies_while_installing(fault: Fault, over_before_takeover: bool) {
    let bench = Bench::with_two().await;
    bench.faults(|faults| {
        fault(faults);
        faults.hold_tasks = true;
    });
    let first = bench.start("first");
    let id = bench.paid_order("shop.example").await;
    bench.until_installing(1).await;
    first.abort();
    assert!(first.await.is_err_and(|end| end.is_cancelled()));
    assert_eq!(bench.store.outbox_counts().await.expect("the database"), (1, 0), "the dead one's lease");
    if over_before_takeover {
        bench.faults(|faults| faults.hold_tasks = false);
        bench.sim.settled().await;
    }
    bench.start("second");
    bench.faults(|faults| faults.hold_tasks = false);
    bench.ready_alone(id, 1, 1).await;
    assert_eq!(bench.install_calls().len(), 1);
    assert_eq!(bench.hosts.done(), ["wipe 1", "install 1 shop.example"]);
}

#[tokio::test]
async fn another_worker_takes_over_when_one_dies_while_installing() {
    let cases: [(Fault, bool); 4] = [
        (|_| (), false),
        (|_| (), true),
        (|faults| faults.lose_install_reply = 1, false),
        (|faults| faults.lose_install_reply = 1, true),
    ];
    join_all(cases.map(|(fault, over)| dies_while_installing(fault, over))).await;
}

/// The answer is lost and Netcup's lists show the task late: `calls` are what the calls to install were answered.
async fn is_listed_late(late: u32, calls: &[u16]) {
    let bench = Bench::with_one().await;
    bench.faults(|faults| {
        (faults.lose_install_reply, faults.list_late, faults.hold_tasks) = (1, late, true);
    });
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    let asked = async || {
        let mut left = late;
        bench.faults(|faults| left = faults.list_late);
        (left == 0 && bench.install_calls().len() == calls.len()).then_some(())
    };
    eventually(asked).await.unwrap_or_else(|| panic!("{late}: {:#?}", bench.sim.calls()));
    bench.faults(|faults| faults.hold_tasks = false);
    bench.ready_alone(id, 1, 1).await;
    assert_eq!(bench.install_calls(), calls, "{late}");
    let recorded = bench.order(id).await.host_key.expect("recorded");
    let scripts = bench.hosts.scripts();
    assert_eq!(scripts.len(), 1, "{late}");
    assert!(scripts[0].expose().contains(&recorded), "{late}: another key is recorded than was planted");
}

#[tokio::test]
async fn the_planted_key_stays_recorded_though_the_answer_is_lost_and_the_lists_are_late() {
    let cases: [(u32, &[u16]); 3] = [(1, &[0]), (2, &[0]), (3, &[0, 409])];
    join_all(cases.map(|(late, calls)| is_listed_late(late, calls))).await;
}

#[tokio::test]
async fn an_installation_longer_than_a_lease_stays_with_its_worker() {
    let bench = Bench::with_one().await;
    bench.faults(|faults| faults.hold_tasks = true);
    bench.start("one");
    bench.start("other");
    let id = bench.paid_order("shop.example").await;
    // The task is looked at every 10 ms, so this is more than two leases.
    let looks = async || (bench.calls_with("/v1/tasks/") > 220).then_some(());
    eventually(looks).await.unwrap_or_else(|| panic!("the worker stopped looking: {:#?}", bench.sim.calls()));
    bench.faults(|faults| faults.hold_tasks = false);
    bench.ready_alone(id, 1, 1).await;
    // Nobody began it a second time.
    assert_eq!(bench.calls_with("/imageflavours"), 1);
}

#[tokio::test]
async fn a_refund_during_the_installation_takes_the_server_out_of_use() {
    let bench = Bench::with_one().await;
    bench.faults(|faults| faults.hold_tasks = true);
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    bench.until_installing(1).await;
    let refund = Event::PaymentWithdrawn { why: "refund".into() };
    assert_eq!(bench.payment(id, "refund", refund).await, PaymentOutcome::Applied);
    bench.faults(|faults| faults.hold_tasks = false);
    bench.sim.settled().await;
    bench.quiet(0).await;
    assert_eq!(bench.said(id, "was taken out of use").await, 1);
    let state = bench.order(id).await.state;
    assert_eq!((state.phase, state.address), (Phase::Stopped, None));
    assert_eq!(bench.said(id, "Debian is installed").await, 0);

    // It waits to be wiped: the next order gets another server or none.
    let next = bench.paid_order("next.example").await;
    let state = bench.until(next, "waiting for a server", |order| order.state.purchase_asked).await.state;
    assert!(state.problem.is_some_and(|problem| problem.message.contains("netcup:1 already taken")));
    assert_eq!(bench.installs(), [(1, 1)]);
    assert_eq!(bench.taken().await, [server_id(1)]);
    let end = bench.order(id).await.state;
    assert_eq!((end.phase, end.server, end.address), (Phase::Stopped, Some(server_id(1)), None));
}

#[tokio::test]
async fn a_result_that_comes_after_the_refund_has_no_consequence() {
    let bench = Bench::with_one().await;
    let id = bench.paid_order("shop.example").await;
    // A worker too slow to notice, step by step.
    let finish = async |kind, event: &Event| {
        let leased = bench.store.lease_effect("slow", TimeDelta::minutes(1), Utc::now()).await;
        let leased = leased.expect("the database").expect("work");
        assert_eq!((leased.order, leased.kind), (id, kind));
        if kind == EffectKind::InstallServer {
            let refund = Event::PaymentWithdrawn { why: "refund".into() };
            assert_eq!(bench.payment(id, "refund", refund).await, PaymentOutcome::Applied);
        }
        bench.store.finish_effect(&leased, event, &pace(), Utc::now()).await.expect("the database")
    };
    let claimed = finish(EffectKind::ClaimServer, &Event::ServerClaimed { server: server_id(1) }).await;
    assert!(matches!(claimed, Finished::Applied(_)), "{claimed:?}");
    let address = [198, 51, 100, 1].into();
    let installed = finish(EffectKind::InstallServer, &Event::ServerInstalled { address }).await;
    assert!(!matches!(installed, Finished::Applied(_)), "{installed:?}");
    let state = bench.order(id).await.state;
    assert_eq!((state.phase, state.address), (Phase::Stopped, None));
    assert_eq!(bench.said(id, "Debian is installed").await, 0);
    assert_eq!(bench.said(id, "install_server came too late and was put aside").await, 1);
    // The release was not lost with it.
    bench.start("one");
    let released = async || (bench.said(id, "was taken out of use").await == 1).then_some(());
    eventually(released).await.expect("released");
    assert_eq!((bench.installs(), bench.taken().await), (vec![], vec![server_id(1)]));
}
