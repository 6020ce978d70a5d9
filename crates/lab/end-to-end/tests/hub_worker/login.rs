//! The login at Netcup dies, and a person logs in again while the Hub runs.

use std::fs;

use letsbe_lifecycle::order::{Event, Phase};

use super::bench::Bench;

/// What thirty idle days leave: a refresh token that Netcup no longer knows.
fn let_the_login_die(bench: &Bench) {
    let dead = r#"{"refresh_token":"dead","used_at":"2026-01-01T00:00:00Z"}"#;
    fs::write(bench.token_file(), dead).expect("written");
    bench.sim.expire_access_tokens();
}

#[tokio::test]
async fn a_dead_login_is_named_and_a_new_one_is_taken_up() {
    let bench = Bench::with_two().await;
    let_the_login_die(&bench);
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    let state = bench.until_at_the_desk(id).await.state;
    assert_eq!((state.phase, state.resume), (Phase::Failed, Some(Phase::PaymentConfirmed)));
    let problem = state.problem.expect("a problem");
    assert_eq!(problem.code, "NETCUP_LOGIN_REQUIRED");
    assert!(problem.hint.contains("log in to Netcup again"), "{problem:?}");
    // Another try without a login changes nothing.
    bench.operator(id, Event::OperatorRetry).await;
    bench.until_at_the_desk(id).await;
    assert_eq!((bench.installs(), bench.taken().await), (vec![], vec![]));

    bench.log_in().await;
    bench.operator(id, Event::OperatorRetry).await;
    bench.ready_alone(id, 1, 1).await;
}

#[tokio::test]
async fn a_login_that_dies_during_an_installation_costs_no_second_one() {
    let bench = Bench::with_two().await;
    bench.faults(|faults| faults.hold_tasks = true);
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    bench.until_installing(1).await;
    let_the_login_die(&bench);
    let state = bench.until_at_the_desk(id).await.state;
    assert_eq!((state.phase, state.resume), (Phase::Failed, Some(Phase::AwaitingServer)));
    assert_eq!(state.problem.map(|problem| problem.code).as_deref(), Some("NETCUP_LOGIN_REQUIRED"));

    bench.log_in().await;
    bench.operator(id, Event::OperatorRetry).await;
    bench.faults(|faults| faults.hold_tasks = false);
    bench.ready_alone(id, 1, 1).await;
    assert_eq!(bench.install_calls(), [202]);
}
