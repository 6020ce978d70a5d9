//! Attackers at a real server of the lab, while it is built and afterwards. What must go on while it is built is started
//! before the order is placed; what it saw is a check like the others.

mod backup;
mod containers;
mod kuma;
mod owners;
mod payer;
mod root;
mod runtime;
mod stranger;
mod thief;

use std::{net::Ipv4Addr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use letsbe_end_to_end::{
    checks::{Checks, Scenario},
    scenario::{on_fleet, unpacked},
};
use letsbe_lab::{
    fleet::{Customer, Fleet, eventually},
    hosts::Host,
    vault::host_credentials,
};
use letsbe_types::{ids::OrderId, tenants::TenantDetail};
use stranger::{Seen, Stranger};

/// Every tool of the catalog.
const TOOLS: [&str; 8] =
    ["static-website", "wordpress", "ghost", "nocodb", "nextcloud", "odoo", "portainer", "uptime-kuma"];
/// The customer's shop.
const SHOP: &str = "bakery";
const PATIENCE: Duration = Duration::from_secs(25 * 60);
/// No single check may take longer.
const CHECK: Duration = Duration::from_secs(5 * 60);
/// Until the Hub has heard of something.
const HEARD: Duration = Duration::from_secs(60);
/// The node program on the server.
const NODE: &str = "/opt/letsbe/bin/letsbe-node";

/// The server that is attacked, and the operator who shall see it.
struct Target {
    fleet: Arc<Fleet>,
    operator: Customer,
    order: OrderId,
    domain: String,
    owner_email: String,
    host: Host,
    /// What a stranger saw while it was built.
    seen: Seen,
}

impl Target {
    /// The operator's command line.
    async fn letsbe(&self, arguments: &[&str]) -> anyhow::Result<String> {
        Ok(self.fleet.letsbe(&self.operator, arguments).await?.0)
    }

    /// What the Hub knows of the server after a fresh heartbeat.
    async fn tenant(&self) -> anyhow::Result<TenantDetail> {
        self.letsbe(&["tenants", "command", &self.domain, "report"]).await?;
        Ok(serde_json::from_str(&self.letsbe(&["tenants", "show", &self.domain, "--json"]).await?)?)
    }

    /// Waits until an operator who looks at the server reads `words` among what is wrong.
    async fn is_seen(&self, words: &str) -> anyhow::Result<()> {
        let seen = eventually("the operator's line", HEARD, || async {
            let troubles = self.tenant().await?.summary.troubles;
            Ok(troubles.iter().any(|line| line.contains(words)).then_some(()))
        });
        seen.await.with_context(|| format!("no line says {words:?}"))
    }

    /// A secret in the server's vault.
    async fn secret(&self, tool: &str, name: &str) -> anyhow::Result<String> {
        let all = host_credentials(&self.host).await?;
        Ok(all.get(tool, name).with_context(|| format!("{tool}/{name}"))?.expose().clone())
    }

    /// Where the server is.
    const fn address(&self) -> Ipv4Addr {
        self.host.address
    }
}

fn main() -> ExitCode {
    let set_up = async || on_fleet(unpacked, attacked_from_the_first_moment).await;
    Checks::on("strangers_thieves_and_hostile_containers_get_nothing", CHECK, set_up)
        .check("a_stranger_was_there_all_the_time_and_got_nothing", async |target: &Target| {
            target.seen.judge()
        })
        .check("every_owners_login_works_with_the_vaults_password", owners::log_in)
        .check("the_backup_is_no_way_out_of_a_container", backup::backup_is_no_way_out)
        .check("a_tools_container_reaches_the_web_ports_only", containers::reach)
        .check("portainers_socket_neither_makes_nor_enters", containers::portainer)
        .check("a_hijacked_ai_runtime_does_nothing_unasked_at_level_1", level::<1>)
        .check("a_hijacked_ai_runtime_does_nothing_unasked_at_level_2", level::<2>)
        .check("a_hijacked_ai_runtime_does_nothing_unasked_at_level_3", level::<3>)
        .check("a_hijacked_ai_runtime_sends_no_provider_anywhere", runtime::sends_no_provider_out)
        .check("a_hijacked_ai_runtime_reaches_nothing_but_the_proxy", runtime::reach)
        .check("a_gates_log_that_root_wrote_anew_is_seen", root::rewrites_the_log)
        .check("a_destination_runs_no_command", payer::destination)
        .check("a_payment_of_anothers_making_begins_nothing", payer::payment)
        .check("a_servers_keys_open_nothing_else", thief::opens_nothing)
        .check("a_servers_key_takes_no_escrow_away_and_is_seen", thief::keeps_escrow)
        .run()
}

async fn level<const LEVEL: u8>(target: &Target) -> anyhow::Result<()> {
    runtime::asks(target, LEVEL).await
}

/// An order of every tool, with a stranger at its server from the first moment to the last.
async fn attacked_from_the_first_moment(fleet: Arc<Fleet>) -> anyhow::Result<Target> {
    let operator = fleet.customer().await?;
    let request = fleet.request(SHOP, &TOOLS);
    let (domain, owner_email) = (request.domain.clone(), request.email.clone());
    // The names are known before anything answers on them: they follow from the domain and the price list.
    let stranger = Stranger::start(&fleet, &domain);
    let order = fleet.place(&operator, &request).await?;
    let order = fleet.follow(&operator, order, PATIENCE, |_| {}).await.context("the order")?.summary;
    println!("-- {domain} is {}", order.state);
    let host = fleet.machines.host(&domain)?;
    let seen = stranger.stop().await?;
    Ok(Target { fleet, operator, order: order.id, domain, owner_email, host, seen })
}

impl Scenario for Target {
    async fn remove(&self) -> anyhow::Result<()> {
        self.fleet.stop().await
    }
}
