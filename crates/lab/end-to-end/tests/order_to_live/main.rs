//! One paid order, carried out by the real programs, and all that must be true of the server that comes out.

mod again;
mod containers;
mod doors;
mod fulfilled;
mod guardian;
mod observer;
mod pages;
mod power;
mod runbook;
mod secrets;
mod upload;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use letsbe_end_to_end::scenario::{Check, carry_out};
use letsbe_lab::{
    fleet::{Customer, Fleet},
    hosts::Host,
};
use letsbe_types::api::OrderDetail;
use observer::Observer;

const TOOLS: [&str; 5] = ["static-website", "wordpress", "ghost", "nocodb", "uptime-kuma"];
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// No single check may take longer.
const CHECK: Duration = Duration::from_secs(10 * 60);

/// A fulfilled order with its server, and whatever was printed on the way.
struct Live<'a> {
    fleet: &'a Fleet,
    customer: Customer,
    order: OrderDetail,
    host: Host,
    observer: Observer,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_becomes_a_live_proven_server() {
    letsbe_end_to_end::scenario::play_on(|options| options, scenario).await.unwrap();
}

async fn scenario(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let observer = Observer::start();
    let customer = fleet.customer().await?;
    let began = Instant::now();
    let order = fleet.place(&customer, &fleet.request("bakery", &TOOLS)).await?;
    let order = fleet.follow(&customer, order, PATIENCE, |_| {}).await.context("the order")?;
    println!("-- FULFILLED after {} s", began.elapsed().as_secs());
    let host = fleet.machines.host(order.summary.domain.as_str())?;
    let live = Live { fleet, customer, order, host, observer };
    let checks: Vec<Check<'_>> = vec![
        ("the timeline is complete", Box::pin(fulfilled::timeline(&live))),
        (
            "the customer got one mail of each kind, and the last names every page",
            Box::pin(fulfilled::mail(&live)),
        ),
        ("the server was installed once", Box::pin(fulfilled::installs(&live))),
        ("the command line shows the order", Box::pin(fulfilled::command_line(&live))),
        ("the Hub hears the agent", Box::pin(fulfilled::agent(&live))),
        ("every page is the real tool's", Box::pin(pages::real_tools(&live))),
        ("HTTP leads to HTTPS", Box::pin(pages::redirects(&live))),
        ("strangers' names get nothing", Box::pin(pages::unknown_names(&live))),
        ("of all ports, only the wanted are open", Box::pin(doors::all_ports(&live))),
        ("the firewall lets mail in and databases not", Box::pin(doors::firewall(&live))),
        ("a published container is out of reach", Box::pin(doors::published_container(&live))),
        ("the containers' socket makes nobody root", Box::pin(containers::are_looked_at_only(&live))),
        ("SSH takes the admin's key and nothing else", Box::pin(doors::ssh(&live))),
        ("the owner uploads a page and visitors see it", Box::pin(upload::a_page(&live))),
        ("a second run changes nothing", Box::pin(again::changes_nothing(&live))),
        ("a plan for a good server is empty", Box::pin(again::empty_plan(&live))),
        ("a plan names what is broken, a run mends it", Box::pin(again::mends(&live))),
        ("the Hub's own run does the same", Box::pin(again::by_the_hub(&live))),
        ("the runbook's section 11 works word for word", Box::pin(runbook::section_11(&live))),
        ("every other command of docs/runbook.md works", Box::pin(runbook::everything_else(&live))),
        ("restores work as docs/runbook.md has them", Box::pin(runbook::restores(&live))),
        ("the admin may do nothing more", Box::pin(runbook::nothing_more(&live))),
        ("the operator sees the server and acts on it", Box::pin(guardian::operator_sees_and_acts(&live))),
        ("the keys are in escrow", Box::pin(guardian::keys_are_in_escrow(&live))),
        (
            "nothing is lost while the Hub is away",
            Box::pin(guardian::nothing_is_lost_while_the_hub_is_away(&live)),
        ),
        ("the server comes back after a power cut", Box::pin(power::reboot(&live))),
        ("a revoked key is refused", Box::pin(guardian::a_revoked_key_is_refused(&live))),
        (
            "a run registers a revoked server again",
            Box::pin(guardian::a_revoked_server_registers_again(&live)),
        ),
        ("no secret is anywhere else", Box::pin(secrets::nowhere_else(&live))),
    ];
    Ok(carry_out(checks, CHECK).await)
}

impl Live<'_> {
    fn domain(&self) -> &str {
        self.order.summary.domain.as_str()
    }

    /// The host names of the tools, in the order of [`TOOLS`].
    fn names(&self) -> [String; 5] {
        let domain = self.domain();
        let below = |name: &str| format!("{name}.{domain}");
        [domain.to_owned(), below("www"), below("blog"), below("tables"), below("status")]
    }
}
