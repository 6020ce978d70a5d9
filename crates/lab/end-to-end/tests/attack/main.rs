//! Attackers at a real server of the lab, while it is built and afterwards. Each part is a module with one list of
//! checks; what must go on during the whole run is started before the order is placed.

mod backup;
mod containers;
mod kuma;
mod owners;
mod payer;
mod root;
mod runtime;
mod stranger;
mod thief;

use std::{net::Ipv4Addr, time::Duration};

use anyhow::Context as _;
use letsbe_end_to_end::scenario::{Check, carry_out};
use letsbe_lab::{
    fleet::{Customer, Fleet, eventually},
    hosts::Host,
    vault::host_credentials,
};
use letsbe_types::{ids::OrderId, tenants::TenantDetail};
use stranger::Stranger;

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
struct Target<'a> {
    fleet: &'a Fleet,
    operator: Customer,
    order: OrderId,
    domain: String,
    owner_email: String,
    host: Host,
}

impl Target<'_> {
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

#[tokio::test(flavor = "multi_thread")]
async fn strangers_thieves_and_hostile_containers_get_nothing() {
    letsbe_end_to_end::scenario::play(scenario).await.unwrap();
}

async fn scenario(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let customer = fleet.customer().await?;
    let request = fleet.request(SHOP, &TOOLS);
    let domain = request.domain.clone();
    // The names are known before anything answers on them: they follow from the domain and the price list.
    let stranger = Stranger::start(fleet, &domain);
    let order = fleet.place(&customer, &request).await?;
    let order = fleet.follow(&customer, order, PATIENCE, |_| {}).await.context("the order")?;
    let owner_email = request.email.clone();
    let (host, order) = (fleet.machines.host(&domain)?, order.summary);
    println!("-- {domain} is {}", order.state);
    let target = Target { fleet, operator: customer, order: order.id, domain, owner_email, host };
    let seen = stranger.stop().await?;
    let checks: Vec<Check<'_>> = vec![
        ("a stranger was there all the time, and got nothing", Box::pin(async { seen.judge() })),
        ("every owner's log-in works with the vault's password", Box::pin(owners::log_in(&target))),
        ("the backup is no way out of a container", Box::pin(backup::backup_is_no_way_out(&target.host))),
        ("a tool's container reaches the web ports only", Box::pin(containers::reach(&target))),
        ("Portainer's socket neither makes nor enters", Box::pin(containers::portainer(&target))),
        ("a hijacked AI runtime does nothing unasked at level 1", Box::pin(runtime::asks(&target, 1))),
        ("a hijacked AI runtime does nothing unasked at level 2", Box::pin(runtime::asks(&target, 2))),
        ("a hijacked AI runtime does nothing unasked at level 3", Box::pin(runtime::asks(&target, 3))),
        ("a provider is sent nowhere by it", Box::pin(runtime::sends_no_provider_out(&target))),
        ("it reaches nothing but the proxy", Box::pin(runtime::reach(&target))),
        ("a gate's log that root wrote anew is seen", Box::pin(root::rewrites_the_log(&target))),
        ("a destination runs no command", Box::pin(payer::destination(&target))),
        ("a payment of another's making begins nothing", Box::pin(payer::payment(&target))),
        ("a server's keys open nothing else", Box::pin(thief::opens_nothing(&target))),
        ("a server's key takes no escrow away, and is seen", Box::pin(thief::keeps_escrow(&target))),
    ];
    Ok(carry_out(checks, CHECK).await)
}
