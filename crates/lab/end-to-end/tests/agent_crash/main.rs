//! The agent of a real server is killed (SIGKILL) at every boundary of its work: approved calls, commands, events,
//! tokens. Nothing is done twice, nothing is lost; and a stolen key of the agent opens nothing of the company's.

mod approvals;
mod commands;
mod events;
mod kills;
mod theft;
mod tokens;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use letsbe_end_to_end::scenario::{Check, carry_out};
use letsbe_lab::{
    fleet::{Customer, Fleet},
    hosts::Host,
};
use letsbe_store::Store;
use letsbe_types::{
    api::OrderDetail,
    tenants::{EventEntry, TenantDetail},
};
use serde_json::Value;

/// Until the order is fulfilled.
const ORDER: Duration = Duration::from_secs(10 * 60);
/// Until something that was asked for is so, however often the agent is killed meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
/// No single check may take longer.
const CHECK: Duration = Duration::from_secs(2 * 60);
/// The node program on the server.
const NODE: &str = "/opt/letsbe/bin/letsbe-node";

/// A fulfilled order, its server, and who looks at it.
struct Server<'a> {
    fleet: &'a Fleet,
    customer: Customer,
    order: OrderDetail,
    host: Host,
    store: Store,
    points: kills::Points,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_the_agent_does_nothing_twice_and_loses_nothing() {
    letsbe_end_to_end::scenario::play(scenario).await.unwrap();
}

async fn scenario(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let customer = fleet.customer().await?;
    let began = Instant::now();
    let order = fleet.place(&customer, &fleet.request("bakery", &["static-website", "nocodb"])).await?;
    let order = fleet.follow(&customer, order, ORDER, |_| {}).await.context("the order")?;
    println!("-- FULFILLED after {} s", began.elapsed().as_secs());
    let host = fleet.machines.host(order.summary.domain.as_str())?;
    let store = Store::open(&fleet.folder.path().join("hub/hub.sqlite")).await?;
    let points = kills::points(&host).await?;
    let server = Server { fleet, customer, order, host, store, points };
    kills::prepare(&server).await?;
    let checks: Vec<Check<'_>> = vec![
        ("an approved call is done once, or told as interrupted", Box::pin(approvals::once(&server))),
        ("a command is begun once and has one result", Box::pin(commands::once(&server))),
        ("the Hub gets every event once", Box::pin(events::once(&server))),
        ("every token is counted once", Box::pin(tokens::once(&server))),
        ("a stolen key opens nothing of the company's", Box::pin(theft::useless(&server))),
        ("events have numbers without gaps", Box::pin(events::without_gaps(&server))),
    ];
    Ok(carry_out(checks, CHECK).await)
}

impl Server<'_> {
    fn domain(&self) -> &str {
        self.order.summary.domain.as_str()
    }

    /// Where the agent can be killed when it is at these.
    fn points<'a>(&'a self, works: &[&str]) -> Vec<&'a str> {
        works.iter().flat_map(|work| &self.points[*work]).map(String::as_str).collect()
    }

    /// Asks the proxy's door from the server itself; `None` when it is not answered with success.
    async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Option<Value> {
        let answer = self.host.ask_proxy(path, key, body).await.ok()?;
        serde_json::from_str(&answer).ok()
    }

    /// A secret of the AI runtime.
    async fn key(&self, name: &str) -> anyhow::Result<String> {
        Ok(self.host.exec(&[NODE, "vault", "get", &format!("openclaw/{name}")]).await?.trim().to_owned())
    }

    /// The operator's command line.
    async fn letsbe(&self, arguments: &[&str]) -> anyhow::Result<String> {
        Ok(self.fleet.letsbe(&self.customer, arguments).await?.0)
    }

    /// What the Hub knows of the server.
    async fn tenant(&self) -> anyhow::Result<TenantDetail> {
        Ok(serde_json::from_str(&self.letsbe(&["tenants", "show", self.domain(), "--json"]).await?)?)
    }

    /// Every event that the Hub has, newest first.
    async fn events(&self) -> anyhow::Result<Vec<EventEntry>> {
        Ok(self.store.tenant_events(self.order.summary.id, 10_000).await?)
    }
}
