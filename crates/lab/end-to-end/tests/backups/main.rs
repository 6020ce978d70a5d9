//! Backups on a real server with WordPress, Ghost and NocoDB and real content: made, copied to an S3 service, proven,
//! restored, undone; killed at every point, cut off, damaged, stolen and lost. Needs what `infrastructure.rs` needs.

mod bad_input;
mod damage;
mod disk;
mod kills;
mod lost;
mod nightly;
mod remote;
mod restores;
mod server;

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use letsbe_end_to_end::scenario::{Check, carry_out};
use letsbe_end_to_end::site::Site;
use letsbe_lab::lab::{self, CatalogImages};
use server::Server;

/// No single check may take longer.
const CHECK: Duration = Duration::from_secs(15 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_proven_and_restores_bring_back_what_was_there() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    lab::cleanup_stale().await.expect("what former runs left is removed");
    let site = Site::start(CatalogImages::Unpacked).await;
    let name = site.lab.name.clone();
    let told =
        AssertUnwindSafe(async { everything(&Server::provisioned(&site).await).await }).catch_unwind().await;
    lab::remove(&name).await.expect("the lab is removed");
    match told {
        Ok(failures) => assert!(failures.is_empty(), "{}", failures.join("\n")),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

async fn everything(server: &Server<'_>) -> Vec<String> {
    let checks: Vec<Check<'_>> = vec![
        ("a missed night is caught up by the timer", Box::pin(nightly::by_the_timer(server))),
        ("stock restic accepts both repositories", Box::pin(nightly::stock_restic_accepts(server))),
        ("the second night, by the runbook's command, is small", Box::pin(nightly::second_is_small(server))),
        ("one tool alone", Box::pin(nightly::one_tool(server))),
        ("a day's data comes back, the rest stays", Box::pin(restores::by_date(server))),
        ("what was restored is undone", Box::pin(restores::undo(server))),
        ("a temporary copy has no way out", Box::pin(restores::temporary(server))),
        ("a tool comes back from outside", Box::pin(remote::brings_tools_back(server))),
        ("bad input touches nothing", Box::pin(bad_input::bad_input(server))),
        ("no room for a restore touches nothing", Box::pin(bad_input::no_room(server))),
        ("a disk that fills up in the middle", Box::pin(disk::full_in_the_middle(server))),
        ("killed at every point, backups heal", Box::pin(kills::backups(server))),
        ("killed at every point, a restore ends whole", Box::pin(kills::restores(server))),
        ("killed at every point, proofs are made", Box::pin(kills::proofs(server))),
        ("a database that dies is named", Box::pin(kills::database_dies(server))),
        ("a power cut leaves the former sets", Box::pin(kills::power_cut(server))),
        // While WordPress's uploads are the largest that is stored.
        ("damage is found and named", Box::pin(damage::found_and_named(server))),
        ("the far side away is told, and caught up", Box::pin(kills::far_side_away(server))),
        ("after theft the repository is rewound", Box::pin(remote::is_rewound_after_theft(server))),
        ("a lost server comes back without a Hub", Box::pin(lost::comes_back_without_a_hub(server))),
    ];
    carry_out(checks, CHECK).await
}
