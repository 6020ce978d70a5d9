//! The straight way.

use std::{fs, sync::Arc};

use letsbe_lifecycle::order::{Event, Phase};
use letsbe_store::PaymentOutcome;

use super::bench::Bench;

#[tokio::test]
async fn a_paid_order_claims_one_server_and_installs_it_once() {
    let bench = Bench::with_two().await;
    // Here with the worker's own way of waiting for a task.
    let mut worker = bench.worker("one");
    worker.provider = bench.pool();
    tokio::spawn(Arc::new(worker).run());
    let id = bench.paid_order("shop.example").await;
    // Stripe says everything at least once.
    assert_eq!(bench.payment(id, "paid", Event::PaymentReceived).await, PaymentOutcome::Duplicate);
    assert_eq!(bench.payment(id, "paid-again", Event::PaymentReceived).await, PaymentOutcome::Applied);
    bench.ready_alone(id, 1, 1).await;
    assert_eq!(bench.hosts.done(), ["wipe 1", "install 1 shop.example"]);

    let public_key = fs::read_to_string(bench.private_key().with_extension("pub")).expect("a public key");
    assert_eq!(bench.sim.ssh_keys(), [public_key.trim()]);
    let lines = bench.lines(id).await;
    let phases: Vec<_> =
        Phase::ALL.iter().filter(|phase| lines.iter().any(|line| line == phase.as_str())).collect();
    let expected = [Phase::PaymentConfirmed, Phase::AwaitingServer, Phase::ServerReady, Phase::DnsPending];
    assert_eq!(phases, expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn missing_dns_is_named_and_asked_of_no_cache() {
    let bench = Bench::with_one().await;
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    let order = bench.until_phase(id, Phase::DnsPending).await;
    let problem = order.state.problem.expect("a problem");
    assert_eq!(problem.code, "DNS001");
    assert!(problem.message.contains("nobody is authoritative for shop.example"), "{problem}");
}

#[tokio::test]
async fn without_the_money_nothing_begins() {
    let bench = Bench::with_two().await;
    bench.start("one");
    let unpaid = bench.unpaid_order("unpaid.example").await;
    assert_eq!(bench.payment(unpaid, "open", Event::PaymentOpened).await, PaymentOutcome::Applied);
    // A later order that was paid goes past it.
    let paid = bench.paid_order("paid.example").await;
    bench.ready_alone(paid, 1, 1).await;
    assert_eq!(bench.order(unpaid).await.state.phase, Phase::AwaitingPayment);
}
