//! Bad input, broken servers and cut connections, on real servers of the lab and without a Hub: each is told with its
//! stable code and loses nothing, and the next run goes on once the fault is gone.
//!
//! Two checks are made at once: one server waits for minutes by design.

mod desired;
mod preflight;
mod run;
mod ssh_move;
mod stacks;

use std::{process::ExitCode, time::Duration};

use letsbe_end_to_end::{
    checks::{Checks, Scenario},
    site::Site,
};
use letsbe_lab::lab::{self, CatalogImages};
use preflight::UnfitServers;

/// No single check may take longer.
const CHECK: Duration = Duration::from_secs(20 * 60);

/// A lab, and what several checks use one after the other.
struct BadInput {
    site: Site,
    unfit: UnfitServers,
}

fn main() -> ExitCode {
    Checks::on("every_refusal_is_clear_and_loses_nothing", CHECK, set_up)
        .at_once(2)
        .check("what_is_desired_is_refused_by_field_before_anything_is_connected_to", desired::is_refused)
        .check("a_full_disk_and_an_ssh_move_that_nobody_confirms_change_nothing", ssh_move::reverts_by_itself)
        .check("a_container_that_is_never_healthy_and_cut_connections_are_survived", stacks::survive)
        .check("an_unsupported_system_is_refused_untouched", preflight::unsupported_system)
        .check("a_key_that_the_server_refuses_is_told", preflight::refused_key)
        .check("a_changed_host_key_is_told", preflight::changed_host_key)
        .check("another_run_is_respected_until_its_lock_expires", preflight::foreign_lock)
        .check("a_small_disk_and_a_full_one_are_refused", preflight::small_or_full_disk)
        .check("an_absent_package_server_is_told", preflight::absent_package_server)
        .check("a_package_lock_is_waited_for_and_the_server_is_let_in", preflight::package_lock)
        .run()
}

async fn set_up() -> anyhow::Result<BadInput> {
    lab::cleanup_stale().await?;
    Ok(BadInput { site: Site::start(CatalogImages::Offered).await, unfit: UnfitServers::default() })
}

impl Scenario for BadInput {
    async fn remove(&self) -> anyhow::Result<()> {
        Ok(lab::remove(&self.site.lab.name).await?)
    }
}
