//! Bad input, broken servers and cut connections, on real servers of the lab and without a Hub: each is told with its
//! stable code and loses nothing, and the next run goes on once the fault is gone.
//!
//! Three servers share one lab. The one whose SSH change nobody confirms stands still for minutes by design; the
//! door's scenarios use that time, so that seldom more than two servers work on two cores.

mod door;
mod run;
mod site;
mod ssh_move;
mod stacks;
mod wishes;

use std::sync::Arc;

use letsbe_lab::lab::{self, CatalogImages};
use site::Site;
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_clear_and_loses_nothing() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    lab::cleanup_stale().await.expect("what former runs left is removed");
    let site = Arc::new(Site::start(CatalogImages::Offered).await);
    let name = site.lab.name.clone();
    let (idle, wait_for_idle) = oneshot::channel();
    let scenarios = [
        tokio::spawn(wishes::are_refused_before_anything_is_connected_to(site.clone())),
        tokio::spawn(ssh_move::without_a_confirmation_reverts_by_itself(site.clone(), idle)),
        tokio::spawn(stacks::survive_a_container_that_is_never_healthy_and_cut_connections(site.clone())),
        tokio::spawn(async move {
            // Whether it came or the other scenario failed: the processor has time now.
            let _ = wait_for_idle.await;
            door::refuses_what_is_unfit_and_lets_it_in_once_mended(site).await;
        }),
    ];
    let mut failures = Vec::new();
    for scenario in scenarios {
        failures.extend(scenario.await.err());
    }
    lab::remove(&name).await.expect("the lab is removed");
    if let Some(failure) = failures.into_iter().next() {
        std::panic::resume_unwind(failure.into_panic());
    }
}
