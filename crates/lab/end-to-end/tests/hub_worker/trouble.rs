//! Netcup in trouble: what passes is retried, what does not is named to the operator.

use futures::future::join_all;
use letsbe_lifecycle::order::{Event, Phase};
use letsbe_simulators::netcup::{Faults, SimServer};

use super::bench::{Bench, build_server, server_id};

const FAILED_BY_ITSELF: &str = "trying again by itself";

struct Passing {
    what: &'static str,
    fault: fn(&mut Faults),
    /// What the timeline says, once for each failed try.
    said: &'static str,
    failures: usize,
    /// What the calls to install were answered.
    calls: &'static [u16],
    installs: u32,
}

const PASSING: [Passing; 9] = [
    Passing {
        what: "lost reply",
        fault: |faults| faults.lose_install_reply = 1,
        said: "NETCUP",
        failures: 0,
        calls: &[0],
        installs: 1,
    },
    Passing {
        what: "lock, twice",
        fault: |faults| faults.locked = 2,
        said: "[NETCUP_LOCKED]",
        failures: 2,
        calls: &[409, 409, 202],
        installs: 1,
    },
    Passing {
        what: "maintenance",
        fault: |faults| faults.maintenance = 2,
        said: "[NETCUP_MAINTENANCE]",
        failures: 2,
        calls: &[202],
        installs: 1,
    },
    Passing {
        what: "too many requests",
        fault: |faults| faults.busy = 1,
        said: "[NETCUP_BUSY]",
        failures: 1,
        calls: &[202],
        installs: 1,
    },
    Passing {
        what: "dropped connection",
        fault: |faults| faults.drop_connection = 1,
        said: "[NETCUP_REPLY_LOST]",
        failures: 1,
        calls: &[202],
        installs: 1,
    },
    Passing {
        what: "rollback",
        fault: |faults| faults.end_next_task = Some("ROLLBACK".into()),
        said: "ended as RolledBack",
        failures: 1,
        calls: &[202, 202],
        installs: 2,
    },
    Passing {
        what: "error",
        fault: |faults| faults.end_next_task = Some("ERROR".into()),
        said: "ended as Error",
        failures: 1,
        calls: &[202, 202],
        installs: 2,
    },
    Passing {
        what: "canceled",
        fault: |faults| faults.end_next_task = Some("CANCELED".into()),
        said: "ended as Canceled",
        failures: 1,
        calls: &[202, 202],
        installs: 2,
    },
    Passing {
        what: "lost reply of an installation that fails",
        fault: |faults| {
            faults.lose_install_reply = 1;
            faults.end_next_task = Some("ERROR".into());
            // Long enough for the lost reply to be read back while it runs.
            faults.task_milliseconds = 300;
        },
        said: "ended as Error",
        failures: 1,
        calls: &[0, 202],
        installs: 2,
    },
];

async fn passes(case: &Passing) {
    let bench = Bench::with_two().await;
    bench.faults(case.fault);
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    bench.ready_alone(id, 1, case.installs).await;
    let (what, lines) = (case.what, bench.lines(id).await);
    assert_eq!(bench.install_calls(), case.calls, "{what}");
    assert_eq!(bench.said(id, case.said).await.min(1), case.failures.min(1), "{what}: {lines:#?}");
    assert_eq!(bench.said(id, FAILED_BY_ITSELF).await, case.failures, "{what}: {lines:#?}");
}

#[tokio::test]
async fn what_passes_is_tried_again_by_itself() {
    join_all(PASSING.iter().map(passes)).await;
}

struct Lasting {
    fault: fn(&mut Faults),
    code: &'static str,
    /// Words of the message and of the hint that tell a person where to look.
    message: &'static str,
    hint: &'static str,
    resume: Phase,
    /// How often it was tried again before the operator was asked.
    retries: usize,
}

const LASTING: [Lasting; 3] = [
    Lasting {
        fault: |faults| faults.address_forbidden = true,
        code: "NETCUP_FORBIDDEN",
        message: "ip.not.allowed",
        hint: "IP allow-list",
        resume: Phase::PaymentConfirmed,
        retries: 0,
    },
    Lasting {
        fault: |faults| faults.refuse_ssh_keys = true,
        code: "NETCUP_REFUSED",
        message: "The SSH key is not valid",
        hint: "correct what the message names",
        resume: Phase::AwaitingServer,
        retries: 0,
    },
    Lasting {
        fault: |faults| faults.locked = 4,
        code: "NETCUP_LOCKED",
        message: "server.lock.error",
        hint: "another task holds the server",
        resume: Phase::AwaitingServer,
        retries: 3,
    },
];

async fn needs_a_person(case: &Lasting) {
    let bench = Bench::with_two().await;
    bench.faults(case.fault);
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    let state = bench.until_at_the_desk(id).await.state;
    assert_eq!((state.phase, state.resume), (Phase::Failed, Some(case.resume)));
    let problem = state.problem.expect("a problem");
    assert_eq!(problem.code, case.code);
    assert!(problem.message.contains(case.message) && problem.hint.contains(case.hint), "{problem:?}");
    assert_eq!((bench.installs(), bench.said(id, FAILED_BY_ITSELF).await), (vec![], case.retries));
    // Nothing goes on by itself.
    assert_eq!(bench.store.outbox_counts().await.expect("the database"), (0, 0));

    bench.faults(|faults| *faults = Faults::default());
    bench.operator(id, Event::OperatorRetry).await;
    bench.ready_alone(id, 1, 1).await;
}

#[tokio::test]
async fn what_lasts_is_named_and_waits_for_a_person() {
    join_all(LASTING.iter().map(needs_a_person)).await;
}

#[tokio::test]
async fn a_server_that_never_installs_is_given_up_and_not_taken_again() {
    let broken = SimServer { broken: true, ..build_server(1) };
    let bench = Bench::with(vec![broken, build_server(2)]).await;
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    let state = bench.until_at_the_desk(id).await.state;
    assert_eq!(state.problem.map(|problem| problem.code).as_deref(), Some("SRV001"));
    // The first try and three retries, each a task of its own.
    assert_eq!((bench.installs(), bench.install_calls()), (vec![(1, 4)], vec![202; 4]));
    bench.operator(id, Event::OperatorAbandon { reason: "broken".into() }).await;
    bench.until_phase(id, Phase::Stopped).await;

    let next = bench.paid_order("next.example").await;
    bench.ready(next, 2, 1).await;
    assert_eq!(bench.installs(), [(1, 4), (2, 1)]);
    assert_eq!(bench.taken().await, [server_id(1), server_id(2)]);
}
