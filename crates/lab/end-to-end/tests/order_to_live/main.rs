//! One paid order, carried out by the real programs, and all that must be true of the server that comes out.

mod agent;
mod docker_socket;
mod fulfilled;
mod observer;
mod pages;
mod ports;
mod power_cut;
mod runbook;
mod second_run;
mod secrets;
mod upload;

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use letsbe_end_to_end::{
    checks::{Checks, Scenario},
    scenario::on_fleet,
};
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
struct Live {
    fleet: Arc<Fleet>,
    customer: Customer,
    order: OrderDetail,
    host: Host,
    observer: Observer,
}

fn main() -> ExitCode {
    let set_up = async || on_fleet(|options| options, a_paid_order).await;
    Checks::on("a_paid_order_becomes_a_live_proven_server", CHECK, set_up)
        .check("the_timeline_is_complete", fulfilled::timeline)
        .check("the_customer_got_one_mail_of_each_kind_and_the_last_names_every_page", fulfilled::mail)
        .check("the_server_was_installed_once", fulfilled::installs)
        .check("the_command_line_shows_the_order", fulfilled::command_line)
        .check("the_hub_hears_the_agent", fulfilled::agent)
        .check("every_page_is_the_real_tools", pages::real_tools)
        .check("http_leads_to_https", pages::redirects)
        .check("unknown_names_get_nothing", pages::unknown_names)
        .check("of_all_ports_only_the_wanted_are_open", ports::all_ports)
        .check("the_firewall_lets_nothing_in_that_no_tool_needs", ports::firewall)
        .check("a_published_container_is_out_of_reach", ports::published_container)
        .check("the_containers_socket_makes_nobody_root", docker_socket::are_looked_at_only)
        .check("ssh_takes_the_admins_key_and_nothing_else", ports::ssh)
        .check("the_owner_uploads_a_page_and_visitors_see_it", upload::a_page)
        .check("a_second_run_changes_nothing", second_run::changes_nothing)
        .check("a_plan_for_a_good_server_is_empty", second_run::empty_plan)
        .check("a_plan_names_what_is_broken_and_a_run_mends_it", second_run::mends)
        .check("the_hubs_own_run_mends_what_is_broken", second_run::by_the_hub)
        .check_without_scenario(
            "every_command_of_the_document_is_tried_and_every_tried_one_is_documented",
            runbook::is_tried_and_documented,
        )
        .check("the_runbooks_section_11_works_word_for_word", runbook::section_11)
        .check("every_other_command_of_the_runbook_works", runbook::everything_else)
        .check("restores_work_as_the_runbook_has_them", runbook::restores)
        .check("the_admin_may_do_nothing_more", runbook::nothing_more)
        .check("the_operator_sees_the_server_and_acts_on_it", agent::operator_sees_and_acts)
        .check("the_keys_are_in_escrow", agent::keys_are_in_escrow)
        .check("nothing_is_lost_while_the_hub_is_away", agent::nothing_is_lost_while_the_hub_is_away)
        .check("the_server_comes_back_after_a_power_cut", power_cut::reboot)
        .check("a_revoked_key_is_refused_until_a_run_registers_the_server_again", agent::a_revoked_key)
        // The last: it reads what all others printed.
        .check("no_secret_is_anywhere_else", secrets::nowhere_else)
        .run()
}

async fn a_paid_order(fleet: Arc<Fleet>) -> anyhow::Result<Live> {
    let observer = Observer::start();
    let customer = fleet.customer().await?;
    let began = Instant::now();
    let order = fleet.place(&customer, &fleet.request("bakery", &TOOLS)).await?;
    let order = fleet.follow(&customer, order, PATIENCE, |_| {}).await.context("the order")?;
    println!("-- FULFILLED after {} s", began.elapsed().as_secs());
    let host = fleet.machines.host(order.summary.domain.as_str())?;
    Ok(Live { fleet, customer, order, host, observer })
}

impl Scenario for Live {
    async fn remove(&self) -> anyhow::Result<()> {
        self.fleet.stop().await
    }
}

impl Live {
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
