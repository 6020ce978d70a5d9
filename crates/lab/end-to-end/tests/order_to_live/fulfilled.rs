//! The order: its timeline, the customer's mail, what the operator sees.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use letsbe_lab::{fleet::eventually, services::Mail};
use letsbe_store::{AgentStatus, Store};
use letsbe_types::api::OrderDetail;

use crate::{Live, TOOLS};

const STATES: [&str; 7] = [
    "PAYMENT_CONFIRMED",
    "AWAITING_SERVER",
    "SERVER_READY",
    "DNS_PENDING",
    "DNS_READY",
    "PROVISIONING",
    "FULFILLED",
];

pub(crate) async fn timeline(live: &Live) -> anyhow::Result<()> {
    let detail = live.customer.look(live.order.summary.id).await?.context("the Hub is down")?;
    let timeline = &detail.timeline;
    let mut states: Vec<&str> = timeline
        .iter()
        .filter(|entry| entry.kind == "state")
        .map(|entry| entry.message.as_str())
        .skip_while(|message| message.starts_with("Order for"))
        // The package archive is the one thing outside of the lab's power: an order may need another try because of
        // it. What made it necessary is told, and the way must be the same otherwise.
        .filter(|message| !message.ends_with("trying again by itself"))
        .collect();
    states.dedup();
    let failures: Vec<&str> =
        timeline.iter().filter(|entry| entry.level == "failed").map(|entry| entry.message.as_str()).collect();
    if !failures.is_empty() {
        eprintln!("   the order needed another try: {failures:#?}");
    }
    ensure!(states == STATES, "the states were {states:?}, because of {failures:#?}");
    let finished: Vec<String> = timeline
        .iter()
        .filter(|entry| entry.kind == "step" && entry.level == "ok")
        .filter_map(|entry| entry.message.split_once(": "))
        .filter_map(|(step, _)| step.strip_prefix("Step ").map(str::to_owned))
        .collect();
    let mut wanted: Vec<String> = (1..=11).map(|step: u32| step.to_string()).collect();
    wanted.push("11".to_owned());
    ensure!(
        finished == wanted,
        "the finished steps were {finished:?}; 11 is the verification, from both sides"
    );
    let bad: Vec<_> =
        timeline.iter().filter(|entry| matches!(entry.level.as_str(), "failed" | "warning")).collect();
    ensure!(bad.is_empty(), "not all went well: {bad:?}");
    let rising =
        timeline.windows(2).all(|pair| pair[0].sequence < pair[1].sequence && pair[0].at <= pair[1].at);
    ensure!(rising, "the timeline is not in order");
    // The customer set what his page listed and no more: a name that the list forgot would have failed the order.
    let invented = format!("nobody-listed-it.{}", detail.summary.domain);
    let found = live.fleet.lab.dns.records(&invented, "A").await?;
    ensure!(found.is_empty(), "{invented} leads to {found:?}: the zone has more than was listed");
    ensure!(
        detail.summary.problem.is_none(),
        "a fulfilled order has a problem: {:?}",
        detail.summary.problem
    );
    Ok(())
}

pub(crate) async fn mail(live: &Live) -> anyhow::Result<()> {
    let customer = live.order.summary.email.to_string();
    let is = |mail: &Mail, kind: &str| mail.raw.contains(&format!(".{kind}@"));
    let mails = eventually("the mail", Duration::from_secs(20), || async {
        let mails = live.fleet.lab.mail.received().await?;
        Ok(mails.iter().any(|mail| is(mail, "fulfilled")).then_some(mails))
    })
    .await?;
    let ready: Vec<&Mail> = mails.iter().filter(|mail| is(mail, "fulfilled")).collect();
    let paid = mails.iter().filter(|mail| is(mail, "paid")).count();
    ensure!(
        ready.len() == 1 && paid == 1,
        "{} mails say that it is ready, {paid} that it is paid",
        ready.len()
    );
    ensure!(mails.iter().all(|mail| mail.to == customer), "one went to somebody else: {mails:?}");
    let mail = ready[0];
    for name in live.names() {
        ensure!(mail.text.contains(&format!("https://{name}/")), "it does not name {name}: {}", mail.text);
    }
    let upload = format!("sftp://letsbe-website@{}:22023/", live.domain());
    ensure!(mail.text.contains(&upload), "it does not say where pages are uploaded to: {}", mail.text);
    Ok(())
}

pub(crate) async fn installs(live: &Live) -> anyhow::Result<()> {
    let number = live.order.summary.server.as_ref().context("no server")?.0.clone();
    let number: i32 = number.trim_start_matches("netcup:").parse()?;
    let installs = live.fleet.netcup.installs(number);
    ensure!(installs == 1, "{installs} installations");
    Ok(())
}

/// The operator's command line, logged in with the token of this test.
pub(crate) async fn letsbe(live: &Live, arguments: &[&str]) -> anyhow::Result<String> {
    let (printed, said) = live.fleet.letsbe(&live.customer, arguments).await?;
    live.observer.keep(&format!("the output of letsbe {}", arguments[0]), format!("{printed}{said}"));
    Ok(printed)
}

pub(crate) async fn command_line(live: &Live) -> anyhow::Result<()> {
    let id = live.order.summary.id.to_string();
    let json: OrderDetail = serde_json::from_str(&letsbe(live, &["orders", "show", &id, "--json"]).await?)?;
    ensure!(json.summary.state == "FULFILLED" && json.timeline.len() > 50, "{:?}", json.summary);
    let text = letsbe(live, &["orders", "show", &id]).await?;
    for entry in &json.timeline {
        ensure!(text.contains(&entry.message), "the text lacks {:?}", entry.message);
    }
    ensure!(TOOLS.iter().all(|tool| text.contains(tool)), "the text lacks a tool");
    let list = letsbe(live, &["orders", "list"]).await?;
    ensure!(list.contains(&id) && list.contains("FULFILLED"), "the list is {list}");
    Ok(())
}

pub(crate) async fn agent(live: &Live) -> anyhow::Result<()> {
    let heartbeat = registered(live).await?.last_heartbeat.context("no heartbeat")?;
    ensure!(heartbeat.containers_not_ok() == 0 && heartbeat.containers_ok() == 11, "{heartbeat:?}");
    node_status(live).await
}

/// What the Hub knows of the agent.
pub(crate) async fn registered(live: &Live) -> anyhow::Result<AgentStatus> {
    let database = live.fleet.folder.path().join("hub/hub.sqlite");
    Store::open(&database).await?.agent(live.order.summary.id).await?.context("no agent")
}

/// What the server says of itself.
pub(crate) async fn node_status(live: &Live) -> anyhow::Result<()> {
    let status = live.host.exec(&["/opt/letsbe/bin/letsbe-node", "status", "--json"]).await?;
    live.observer.keep("the output of letsbe-node status", status.clone());
    let status: serde_json::Value = serde_json::from_str(&status)?;
    ensure!(status["hub_url"] == live.fleet.hub.url.as_str(), "{status}");
    ensure!(status["heartbeat"]["accepted_at"].is_string() && status["locked_by"].is_null(), "{status}");
    let signs = &status["vital_signs"];
    ensure!(signs["containers_ok"] == 11 && signs["containers_not_ok"] == 0, "{status}");
    live.host.exec(&["systemctl", "is-active", "letsbe-agent.service"]).await?;
    Ok(())
}
