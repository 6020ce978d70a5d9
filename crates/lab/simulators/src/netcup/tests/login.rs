//! Logging in: tokens, and the device flow, as Netcup's realm has them.

use std::sync::Arc;

use chrono::TimeDelta;
use letsbe_netcup::{DevicePoll, ErrorKind, MemoryTokenStore, ScpError, TokenStore};

use super::{Bench, clock_now};

#[tokio::test]
async fn tokens_are_renewed_in_time_and_after_a_401() {
    let bench = Bench::new().await;
    let client = bench.client();
    let renewals = || async {
        let first = bench.store.load().await.expect("a store").expect("a token");
        first.refresh.expose().clone()
    };
    client.ping().await.expect("the first");
    let first = renewals().await;
    client.ping().await.expect("with the same token");
    assert_eq!(renewals().await, first);
    bench.clock.advance(TimeDelta::seconds(280));
    client.ping().await.expect("renewed before it dies");
    let second = renewals().await;
    assert_ne!(second, first);
    // Netcup may forget a token early; a write is repeated too, since a 401 means that nothing was done.
    bench.sim.expire_access_tokens();
    client.set_nickname(1, "mine").await.expect("renewed after a 401");
    assert_ne!(renewals().await, second);
    assert!(bench.sim.calls().iter().any(|call| call.status == 401));
}

#[tokio::test]
async fn no_token_is_printed() {
    let bench = Bench::new().await;
    let client = bench.client();
    client.ping().await.expect("logged in");
    let stored = bench.store.load().await.expect("a store").expect("a token");
    let printed = format!("{client:?} {:?} {stored:?} {:?}", bench.store, bench.sim.calls());
    assert!(!printed.contains(stored.refresh.expose()), "{printed}");
    bench.sim.faults(|faults| faults.login_dead = true);
    let error = client.keep_login_alive().await.expect_err("dead");
    assert!(!format!("{error:?} {error}").contains(stored.refresh.expose()), "{error:?}");
}

#[tokio::test]
async fn two_clients_of_one_login_do_not_lock_each_other_out() {
    let bench = Bench::new().await;
    bench.sim.faults(|faults| faults.refresh_once = true);
    let (one, other) = (bench.client(), bench.client());
    for _ in 0..3 {
        one.keep_login_alive().await.expect("the first");
        other.keep_login_alive().await.expect("the second");
    }
}

#[tokio::test]
async fn a_login_lives_while_it_is_used_and_dies_after_thirty_idle_days() {
    let bench = Bench::new().await;
    let client = bench.client();
    for _ in 0..3 {
        bench.clock.advance(TimeDelta::days(29));
        client.keep_login_alive().await.expect("used in time");
        assert_eq!(client.login_used_at().await.expect("a time"), clock_now(&bench.clock));
    }
    bench.clock.advance(TimeDelta::days(31));
    let error: ScpError = client.ping().await.expect_err("dead");
    assert_eq!((error.kind, error.problem.retryable), (ErrorKind::LoginRequired, false));
    assert!(error.problem.hint.contains("log in"), "{error:?}");
}

#[tokio::test]
async fn a_person_logs_in_with_a_code() {
    let mut bench = Bench::new().await;
    bench.store = Arc::new(MemoryTokenStore::default());
    let client = bench.client();
    assert_eq!(client.ping().await.expect_err("nobody").kind, ErrorKind::LoginRequired);

    let login = client.start_login().await.expect("a code");
    assert!(login.verification_uri_complete.as_ref().is_some_and(|page| page.contains(&login.user_code)));
    assert!(!format!("{login:?}").contains(login.device_code.expose()), "the device code was printed");
    assert!(matches!(client.poll_login(&login).await, Ok(DevicePoll::Pending)));
    assert!(matches!(client.poll_login(&login).await, Ok(DevicePoll::SlowDown)));
    assert!(bench.sim.decide_login(&login.user_code, true));
    assert!(matches!(client.poll_login(&login).await, Ok(DevicePoll::Granted(_))));
    client.ping().await.expect("logged in");

    let denied = client.start_login().await.expect("a code");
    assert!(bench.sim.decide_login(&denied.user_code, false));
    assert_eq!(client.poll_login(&denied).await.expect_err("denied").kind, ErrorKind::LoginRequired);
    let late = client.start_login().await.expect("a code");
    bench.clock.advance(TimeDelta::seconds(601));
    assert_eq!(client.poll_login(&late).await.expect_err("too late").kind, ErrorKind::LoginRequired);
}
