//! What only the operator decides: servers in MANUAL mode, and going on without DNS.

use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

use chrono::Utc;
use letsbe_hub::providers::server_provider;
use letsbe_lifecycle::order::{Event, Phase};
use letsbe_servers::Manual;
use letsbe_store::StoreError;

use super::bench::{Bench, pace};

#[tokio::test]
async fn in_manual_mode_an_order_waits_for_its_server() {
    let bench = Bench::with_one().await;
    let mut worker = bench.worker("one");
    worker.provider = server_provider(None);
    tokio::spawn(Arc::new(worker).run());
    let ids = [bench.paid_order("one.example").await, bench.paid_order("other.example").await];
    for id in ids {
        let state = bench.until(id, "waiting", |order| order.state.purchase_asked).await.state;
        assert_eq!((state.phase, state.server), (Phase::PaymentConfirmed, None));
        let problem = state.problem.expect("a problem");
        assert!(problem.code == "POOL001" && problem.message.contains("MANUAL"), "{problem}");
    }
    let address = [203, 0, 113, 7].into();
    let assign =
        Event::OperatorAssign { server: Manual::id(address), address: address.into(), host_key: None };
    bench.operator(ids[0], assign.clone()).await;
    let state = bench.until_phase(ids[0], Phase::DnsPending).await.state;
    assert_eq!((state.server, state.address), (Some(Manual::id(address)), Some(address.into())));
    assert_eq!(bench.said(ids[0], "SERVER_READY").await, 1);

    // The same server again, for another order.
    let twice = bench.store.apply(ids[1], &assign, None, &pace(), Utc::now()).await;
    assert!(matches!(twice, Err(StoreError::ServerTaken(_))), "{twice:?}");
    assert_eq!(bench.order(ids[1]).await.state.phase, Phase::PaymentConfirmed);
    assert_eq!((bench.installs(), bench.taken().await), (vec![], vec![Manual::id(address)]));
    assert!(bench.sim.calls().is_empty(), "{:#?}", bench.sim.calls());
}

#[tokio::test]
async fn without_dns_the_operator_can_go_on_as_far_as_the_provisioner() {
    let bench = Bench::with_one().await;
    let jobs = bench.worker("unused").jobs_folder;
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    bench.ready_alone(id, 1, 1).await;
    bench.operator(id, Event::OperatorSkip { reason: "the zone is slow".into() }).await;
    let state = bench.until_at_the_desk(id).await.state;
    assert_eq!((state.phase, state.resume), (Phase::Failed, Some(Phase::Provisioning)));
    let problem = state.problem.expect("a problem");
    assert!(problem.code == "PROV002" && problem.message.contains("could not be started"), "{problem}");
    assert_eq!(bench.said(id, "trying again by itself").await, 3);

    // One job for all tries, and its tokens are nobody else's business.
    let job = bench.store.latest_job(id).await.expect("the database").expect("a job");
    let folders: Vec<_> = jobs.read_dir().expect("a folder").map(|entry| entry.expect("an entry")).collect();
    assert_eq!(folders.len(), 1);
    assert_eq!(folders[0].file_name().to_string_lossy(), job.id.to_string());
    for file in folders[0].path().read_dir().expect("a folder") {
        let mode = file.expect("a file").metadata().expect("its mode").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(bench.installs(), [(1, 1)]);
}

#[tokio::test]
async fn the_host_key_that_is_recorded_is_planted_and_its_private_half_kept_nowhere() {
    let bench = Bench::with_one().await;
    bench.faults(|faults| faults.end_next_task = Some("ERROR".into()));
    bench.start("one");
    let id = bench.paid_order("shop.example").await;
    // The first installation came to nothing; the second one got through.
    bench.ready_alone(id, 1, 2).await;
    let recorded = bench.order(id).await.host_key.expect("it is known before anybody logs in");
    let scripts = bench.hosts.scripts();
    let script = scripts.last().expect("a script").expose().clone();
    assert!(script.contains(&recorded), "{recorded}");
    let secret = script.lines().skip_while(|line| !line.contains("BEGIN OPENSSH")).nth(2).expect("a key");
    assert!(!bench.lines(id).await.concat().contains(secret));
    let folder = bench.private_key().parent().expect("a folder").to_owned();
    let mut files = vec![folder];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(path.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else {
            let content = std::fs::read(&path).expect("a file");
            let kept = content.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!kept, "{} has the private half", path.display());
        }
    }
}
