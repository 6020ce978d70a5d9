//! Every effect of an order and every step of its run is killed (SIGKILL) at every boundary and inside, once, on
//! real machines. The orders must end as if nothing had happened, and the test names each place that was hit.

mod credentials;

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, ensure};
use credentials::Seen;
use letsbe_host::engine;
use letsbe_hub::worker::{crash_points, messages};
use letsbe_lab::fleet::{CRASH_LOG, Customer, Fleet, FleetOptions, eventually};
use letsbe_lifecycle::order::EffectKind;
use letsbe_provisioner::provisioner::points;
use letsbe_simulators::netcup::NetcupSim;
use letsbe_store::Store;
use letsbe_types::{
    api::OrderDetail,
    crash::Point,
    ids::OrderId,
    job::{Outcome, RunEvent, RunEventKind, STEPS},
};

const PATIENCE: Duration = Duration::from_secs(15 * 60);
const STEP_PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_an_order_still_ends_fulfilled() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let mut options = FleetOptions::new(&repository.join("target/debug"), &repository);
    options.servers = 2;
    options.crash = true;
    options.lease = 2;
    let fleet = Fleet::start(&options, &|text| eprintln!("── {text}")).await.expect("the fleet starts");
    let result = scenario(&fleet).await;
    if result.is_err() {
        eprintln!("{}", std::fs::read_to_string(&fleet.hub.log).unwrap_or_default());
    }
    fleet.stop().await.expect("the fleet is removed");
    result.unwrap();
}

async fn scenario(fleet: &Fleet) -> anyhow::Result<()> {
    let customer = fleet.customer().await?;
    let order = order_meets_an_empty_pool_and_maintenance(fleet, &customer).await?;
    let released = a_second_order_is_given_up(fleet, &customer).await?;
    let (mut seen, domain) = (Seen::default(), fleet.request("bakery", &[]).domain);
    let detail = tokio::select! {
        detail = fleet.follow(&customer, order, PATIENCE, |entry| eprintln!("   {}", entry.message)) => detail?,
        never = seen.watch(fleet, &domain) => match never {},
    };
    seen.one_value_each(&fleet.machines.host(&domain)?).await?;
    let events = journal(fleet, &detail).await?;
    nothing_is_left_over(fleet, &detail, released).await?;
    credentials_were_made_once(&events)?;
    every_hub_point_was_hit(fleet, &detail).await?;
    every_point_on_the_server_was_hit(fleet, &detail, &events).await
}

/// Sends what a customer sends until the Hub, which dies now and then, has taken it.
async fn place(fleet: &Fleet, customer: &Customer, shop: &str) -> anyhow::Result<OrderId> {
    let request = fleet.request(shop, &["static-website", "nocodb"]);
    let order =
        eventually("the checkout", STEP_PATIENCE, || async { Ok(customer.order(&request).await.ok()) })
            .await?;
    let event = format!("evt_{order}");
    // Stripe delivers until it gets a 200; the event is taken once.
    eventually("the payment", STEP_PATIENCE, || async { Ok(fleet.stripe.paid(order, &event).await.ok()) })
        .await?;
    Ok(order)
}

async fn until_told(customer: &Customer, order: OrderId, words: &str) -> anyhow::Result<()> {
    eventually(words, STEP_PATIENCE, || async {
        let detail = customer.look(order).await?;
        Ok(detail.and_then(|detail| {
            detail.timeline.iter().any(|entry| entry.message.contains(words)).then_some(())
        }))
    })
    .await
}

async fn order_meets_an_empty_pool_and_maintenance(
    fleet: &Fleet,
    customer: &Customer,
) -> anyhow::Result<OrderId> {
    fleet.netcup.faults(|faults| faults.empty_pool = true);
    let order = place(fleet, customer, "bakery").await?;
    until_told(customer, order, "A task was opened: this order needs a server").await?;
    // The line is written before the effect has ended; with a server in the pool it might never end.
    let [.., stored] = crash_points(EffectKind::RequestPurchase);
    let log = fleet.hub.crash_log().context("crashes were asked for")?;
    eventually("the end of the purchase's request", STEP_PATIENCE, || async {
        let hit = std::fs::read_to_string(log)?;
        Ok(hit.lines().any(|line| line == stored.name()).then_some(()))
    })
    .await?;
    // The claim has been killed at all its points by now, so that its failure is one that counts.
    fleet.netcup.faults(|faults| {
        faults.empty_pool = false;
        faults.maintenance = 1;
    });
    until_told(customer, order, "FAILED: try 1 of 3").await?;
    Ok(order)
}

async fn a_second_order_is_given_up(fleet: &Fleet, customer: &Customer) -> anyhow::Result<OrderId> {
    let order = place(fleet, customer, "florist").await?;
    until_told(customer, order, "claimed").await?;
    let action = serde_json::json!({ "action": "abandon", "reason": "the customer changed their mind" });
    eventually("giving up", STEP_PATIENCE, || async {
        Ok(customer.act(order, &action).await.ok().filter(|status| *status == 200))
    })
    .await?;
    until_told(customer, order, "taken out of use").await?;
    Ok(order)
}

/// The journal of the run that succeeded, from the server itself.
async fn journal(fleet: &Fleet, detail: &OrderDetail) -> anyhow::Result<Vec<RunEvent>> {
    let host = fleet.machines.host(detail.summary.domain.as_str())?;
    let runs = host.exec(&["find", "/opt/letsbe/state/runs", "-name", "events.jsonl"]).await?;
    let mut events = Vec::new();
    for run in runs.lines() {
        let text = host.exec(&["cat", run]).await?;
        events.extend(text.lines().map(serde_json::from_str).collect::<Result<Vec<RunEvent>, _>>()?);
    }
    ensure!(!events.is_empty(), "no run left a journal");
    Ok(events)
}

async fn nothing_is_left_over(fleet: &Fleet, detail: &OrderDetail, released: OrderId) -> anyhow::Result<()> {
    let store = Store::open(&fleet.folder.path().join("hub/hub.sqlite")).await?;
    let settled = eventually("the outbox to be empty", STEP_PATIENCE, || async {
        Ok((store.outbox_counts().await? == (0, 0)).then_some(()))
    });
    settled.await?;
    let taken = store.taken_servers().await?;
    ensure!(taken.len() == 2, "two orders have the servers {taken:?}");
    let given_up = store.order(released).await?.and_then(|order| order.state.server);
    ensure!(given_up != detail.summary.server, "both orders have server {given_up:?}");
    let mails = fleet.lab.mail.received().await?;
    // At least once: a worker that dies after sending sends again, with the same message id.
    let ids: BTreeSet<_> = mails.iter().filter_map(|mail| message_id(&mail.raw)).collect();
    let of = |kind: &str| ids.iter().filter(|id| id.contains(kind)).count();
    ensure!(of(".fulfilled@") == 1, "different messages tell that it is ready: {ids:?}");
    // Two orders were paid, one of them was given up soon after it, and one found the pool empty.
    ensure!((1..=2).contains(&of(".paid@")), "different messages tell of the payments: {ids:?}");
    ensure!(of("<task.") == 1, "different messages tell of the task: {ids:?}");
    installed_once(&fleet.netcup, detail)
}

fn message_id(raw: &str) -> Option<&str> {
    raw.lines().find(|line| line.to_ascii_lowercase().starts_with("message-id:"))
}

/// The server that the order has was installed once, however often the Hub died around it.
fn installed_once(netcup: &NetcupSim, detail: &OrderDetail) -> anyhow::Result<()> {
    let server = detail.summary.server.as_ref().context("the order has a server")?;
    let number: i32 = server.0.trim_start_matches("netcup:").parse()?;
    let installs = netcup.installs(number);
    ensure!(installs == 1, "{server} was installed {installs} times");
    Ok(())
}

fn credentials_were_made_once(events: &[RunEvent]) -> anyhow::Result<()> {
    let made: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.event {
            RunEventKind::Operation { operation, outcome: Outcome::Changed { what }, .. }
                if operation == "credentials.generated" =>
            {
                Some(what)
            }
            _ => None,
        })
        .collect();
    // Killed inside, the operation is found done by the next start, which then reports no change.
    ensure!(made.len() <= 1, "credentials were made again: {made:?}");
    Ok(())
}

/// The connection to the server is cut at every boundary of a step.
fn connection_points() -> impl Iterator<Item = Point> {
    STEPS.into_iter().flat_map(|(step, _)| [points::cut_at_start(step), points::cut_at_end(step)])
}

async fn every_hub_point_was_hit(fleet: &Fleet, _detail: &OrderDetail) -> anyhow::Result<()> {
    let log = fleet.hub.crash_log().context("crashes were asked for")?.to_owned();
    let expected: BTreeSet<String> = EffectKind::ALL
        .into_iter()
        .flat_map(crash_points)
        .chain(messages::points::ALL)
        .chain(letsbe_hub::worker::points::ALL)
        .chain(points::flow::ALL)
        .chain(connection_points())
        .map(|point| point.to_string())
        .collect();
    // The last effect is killed after its result was stored, when the order is FULFILLED already.
    let missing = eventually("the last crash", STEP_PATIENCE, || async {
        let hit: BTreeSet<String> = std::fs::read_to_string(&log)?.lines().map(str::to_owned).collect();
        let missing: Vec<_> = expected.difference(&hit).cloned().collect();
        Ok(missing.is_empty().then_some(missing))
    })
    .await;
    let hit = std::fs::read_to_string(&log)?;
    missing.with_context(|| format!("these were hit:\n{hit}\nof these:\n{expected:#?}"))?;
    eprintln!(
        "── the Hub and the provisioner were killed {} times, {} starts",
        hit.lines().count(),
        fleet.hub.starts()
    );
    Ok(())
}

async fn every_point_on_the_server_was_hit(
    fleet: &Fleet,
    detail: &OrderDetail,
    events: &[RunEvent],
) -> anyhow::Result<()> {
    let host = fleet.machines.host(detail.summary.domain.as_str())?;
    let log = host.exec(&["cat", CRASH_LOG]).await?;
    let hit: BTreeSet<&str> = log.lines().collect();
    for (step, title) in STEPS {
        for point in [engine::started(step), engine::finished(step)] {
            ensure!(
                hit.contains(point.name()),
                "step {step} ({title}) was not killed at {point}; hit: {log}"
            );
        }
    }
    for point in letsbe_lab::crash::points(&host, "vault.seed").await? {
        ensure!(
            hit.contains(point.as_str()),
            "the seeding of the vault was not killed at {point}; hit: {log}"
        );
    }
    let inside: BTreeSet<&str> =
        hit.iter().filter_map(|point| point.strip_prefix("operation.")?.strip_suffix(".inside")).collect();
    // What was changed without having been killed inside would have escaped the test.
    for event in events {
        if let RunEventKind::Operation { operation, outcome: Outcome::Changed { .. }, .. } = &event.event {
            ensure!(
                inside.contains(operation.as_str()),
                "{operation} changed something and was never killed inside"
            );
        }
    }
    let needed =
        ["packages.installed", "docker.installed", "firewall.closed", "ssh.moved", "credentials.generated"];
    for operation in
        needed.into_iter().chain(["stacks.running", "certificate.issued", "vault.seeded", "agent.registered"])
    {
        ensure!(inside.contains(operation), "{operation} was never killed inside; hit: {log}");
    }
    let starts = events.iter().filter(|event| matches!(event.event, RunEventKind::Started { .. })).count();
    eprintln!("── the run on the server was killed {} times, {starts} starts", hit.len());
    Ok(())
}
