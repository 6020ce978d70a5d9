//! Hub, provisioners, the connection and the run on the new server die once at each crash point while a lost server
//! comes back: the crash logs must name these points and no other, and the timeline must tell nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use letsbe_host::engine;
use letsbe_hub::{
    recovery,
    worker::{crash_points, destinations},
};
use letsbe_lab::{
    crash,
    fleet::{CRASH_LOG, Fleet, eventually},
    hosts::Host,
};
use letsbe_lifecycle::order::EffectKind;
use letsbe_provisioner::flow::crash_points as points;
use letsbe_types::{
    api::OrderDetail,
    job::{Outcome, RunEvent, RunEventKind, STEPS},
};

/// What the Hub does for a recovery.
const EFFECTS: [EffectKind; 6] = [
    EffectKind::ClaimServer,
    EffectKind::InstallServer,
    EffectKind::PrepareProvisioning,
    EffectKind::Provision,
    EffectKind::CheckDns,
    EffectKind::NotifyCustomer,
];
/// Up to this step the run does what it does for an order, and orders die there in a test of their own.
const AS_FOR_AN_ORDER: u8 = 8;
/// The restore of one tool has a test of its own, too; here it dies between the folders that change places.
const EXCHANGE: &str = "restore.exchange.inside";
/// What brings a lost server's data back.
const BRINGS_BACK: [&str; 3] = ["keys.received", "vault.restored", "tools.restored"];
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the run on the new server is not killed, because other tests do that; by the words of the lost one.
pub(crate) async fn spared(lost: &Host) -> anyhow::Result<BTreeSet<String>> {
    let mut points = crash::points(lost, "restore").await?;
    ensure!(points.remove(EXCHANGE), "{EXCHANGE} is no point of a restore: {points:?}");
    let steps = (1..=AS_FOR_AN_ORDER).flat_map(|step| [engine::started(step), engine::finished(step)]);
    points.extend(steps.map(|point| point.to_string()));
    for (step, operation, _) in operations(lost).await? {
        if step <= AS_FOR_AN_ORDER {
            points.insert(engine::inside(&operation).to_string());
        }
    }
    Ok(points)
}

/// Every point was hit once, and none that is not known here.
pub(crate) async fn were_all_made(
    fleet: &Fleet,
    order: &OrderDetail,
    spared: BTreeSet<String>,
) -> anyhow::Result<()> {
    around_the_run(fleet).await?;
    in_the_run(&fleet.machines.host(order.summary.domain.as_str())?, spared).await
}

fn lines(log: &str) -> BTreeSet<String> {
    log.lines().map(str::to_owned).collect()
}

/// Points of one family are made from names: which they are depends on what a run changes.
fn without(family: &str, hit: &BTreeSet<String>) -> BTreeSet<String> {
    hit.iter().filter(|point| !point.starts_with(family)).cloned().collect()
}

fn are_equal(hit: &BTreeSet<String>, expected: &BTreeSet<String>) -> anyhow::Result<()> {
    let (missing, unknown): (Vec<_>, Vec<_>) =
        (expected.difference(hit).collect(), hit.difference(expected).collect());
    ensure!(missing.is_empty() && unknown.is_empty(), "nobody died at {missing:?}; not known: {unknown:?}");
    Ok(())
}

async fn around_the_run(fleet: &Fleet) -> anyhow::Result<()> {
    let log = fleet.hub.crash_log().context("kills were asked for")?;
    let cuts = STEPS.into_iter().flat_map(|(step, _)| [points::cut_at_start(step), points::cut_at_end(step)]);
    let expected: BTreeSet<String> = recovery::points::ALL
        .into_iter()
        .chain(destinations::points::ALL)
        .chain(letsbe_hub::worker::points::ALL)
        .chain(EFFECTS.into_iter().flat_map(crash_points))
        .chain(points::flow::ALL)
        .chain(points::recovery::ALL)
        .chain(cuts)
        .map(|point| point.to_string())
        .collect();
    let hit = || anyhow::Ok(lines(&std::fs::read_to_string(log)?));
    // The last one dies when the customer is told, after the end.
    let _ =
        eventually("the last kill", PATIENCE, async || Ok(hit()?.is_superset(&expected).then_some(()))).await;
    let hit = hit()?;
    println!("-- the Hub, its provisioners and their connection were struck {} times", hit.len());
    // Whether a message is on its way depends on how fast the customer's entries are there; `crash` kills at each of its points.
    let hit = without("message.", &without("connection.operation.", &hit));
    are_equal(&hit, &expected).context("beside the new server")
}

async fn in_the_run(host: &Host, spared: BTreeSet<String>) -> anyhow::Result<()> {
    let hit = lines(&host.exec(&["cat", CRASH_LOG]).await?);
    println!("-- the run on the new server was killed {} times", hit.len() - spared.len());
    let boundaries = STEPS.into_iter().flat_map(|(step, _)| [engine::started(step), engine::finished(step)]);
    let mut expected: BTreeSet<String> = boundaries.map(|point| point.to_string()).collect();
    expected.extend(crash::points(host, "recovery").await?);
    expected.extend(crash::points(host, "vault.seed").await?);
    expected.insert(EXCHANGE.to_owned());
    expected.extend(spared);
    let expected = without("operation.", &expected);
    are_equal(&without("operation.", &hit), &expected).context("on the new server")?;
    let changed = operations(host).await?.into_iter().filter(|(.., changed)| *changed);
    for operation in changed.map(|(_, operation, _)| operation).chain(BRINGS_BACK.map(str::to_owned)) {
        let inside = engine::inside(&operation);
        ensure!(hit.contains(inside.name()), "{operation} changed something and was never killed inside");
    }
    Ok(())
}

/// The operations of a server's runs, by the runs' own words: step, name, and whether something was changed.
async fn operations(host: &Host) -> anyhow::Result<BTreeSet<(u8, String, bool)>> {
    let journal = host.script("cat /opt/letsbe/state/runs/*/events.jsonl").await?;
    let mut operations = BTreeSet::new();
    for line in journal.lines() {
        let event: RunEvent = serde_json::from_str(line)?;
        if let RunEventKind::Operation { step, operation, outcome, .. } = event.event {
            operations.insert((step, operation, matches!(outcome, Outcome::Changed { .. })));
        }
    }
    Ok(operations)
}

/// A kill is no failure, and what happened once is told once: only the run tells its steps again when it goes on. The
/// alarm about what the thief deleted may come as late as the next count of the bucket.
pub(crate) fn were_told_well(order: &OrderDetail) -> anyhow::Result<()> {
    let lost = order.timeline.iter().skip_while(|entry| !entry.message.contains("the server is lost"));
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in lost.filter(|entry| !entry.message.starts_with("Backups outside:")) {
        ensure!(entry.level != "failed", "a kill is told as a failure: {}", entry.message);
        *told.entry(entry.message.as_str()).or_default() += 1;
    }
    told.retain(|message, times| *times > 1 && !message.starts_with("Step "));
    ensure!(told.is_empty(), "told more than once: {told:?}");
    Ok(())
}
