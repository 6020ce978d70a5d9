//! The demo: a paid order becomes a live, proven server, before one's eyes.

mod progress;

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use letsbe_lab::{
    disaster,
    fleet::{Customer, Fleet, FleetOptions, STAFF_EMAIL},
};
use letsbe_types::api::{OrderDetail, TimelineEntry};

/// The tools of the lab's orders.
pub(crate) const TOOLS: [&str; 5] = ["static-website", "wordpress", "ghost", "nocodb", "uptime-kuma"];
const PATIENCE: Duration = Duration::from_secs(15 * 60);

pub(crate) use progress::say;
use progress::{print, until_done};

fn tell(entry: &TimelineEntry) {
    let mark = match entry.level.as_str() {
        "ok" => "✓",
        "running" => "●",
        "waiting" => "…",
        "warning" => "!",
        _ => "✗",
    };
    let time = entry.at.with_timezone(&chrono::Local).format("%H:%M:%S");
    print(&format!("{time}  {mark} {}", entry.message));
}

/// Builds the images that are missing, with a line for each and whenever ten seconds went by.
pub(crate) async fn images() -> anyhow::Result<()> {
    say("Images: built once, then kept (about 12 minutes the first time, on two cores)");
    letsbe_lab::docker::ensure_engine().await?;
    until_done(letsbe_lab::images::build_all(&print)).await
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// A paid order becomes a live server.
    Order,
    /// And is lost, and comes back on another one.
    Disaster,
}

/// Runs the demo.
pub(crate) async fn demo(repository: &Path, shown: Scenario, once: bool) -> anyhow::Result<()> {
    images().await?;
    let servers = if shown == Scenario::Disaster { 2 } else { 1 };
    let options = FleetOptions { servers, ..FleetOptions::new(&repository.join("target/debug"), repository) };
    let fleet = until_done(Fleet::start(&options, &say)).await?;
    let told = tokio::select! {
        told = until_done(scenario(&fleet, shown)) => told,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    if told.is_err() {
        println!("\nThe Hub's log: {}", fleet.hub.log.display());
        let log = std::fs::read_to_string(&fleet.hub.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        println!("{}", lines[lines.len().saturating_sub(30)..].join("\n"));
    }
    if told.is_ok() && !once {
        println!("\nEverything stays up until you press Ctrl-C.");
        tokio::signal::ctrl_c().await?;
    }
    say("Removing the lab");
    until_done(fleet.stop()).await?;
    told
}

async fn scenario(fleet: &Fleet, shown: Scenario) -> anyhow::Result<()> {
    let customer = fleet.customer().await?;
    println!(
        "   Hub: {}  (log in as {STAFF_EMAIL}, password {})",
        fleet.hub.url,
        fleet.hub.staff_password().expose()
    );
    let request = fleet.request("bakery", &TOOLS);
    say(&format!("A customer orders {} with {}", request.domain, TOOLS.join(", ")));
    let began = std::time::Instant::now();
    let order = fleet.place(&customer, &request).await?;
    println!("   Follow it in a browser: {}/orders/{order}", fleet.hub.url);
    println!("   What the customer sees: {}/progress/{order}", fleet.hub.url);
    println!("   In a terminal: target/debug/letsbe --hub {} login --email {STAFF_EMAIL}\n", fleet.hub.url);
    let detail = fleet.follow(&customer, order, PATIENCE, tell).await?;
    say(&format!("FULFILLED after {} s", began.elapsed().as_secs()));
    read_blog(fleet, &detail).await?;
    if shown == Scenario::Disaster {
        lose_and_recover(fleet, &customer, detail).await?;
    }
    Ok(())
}

async fn lose_and_recover(fleet: &Fleet, operator: &Customer, detail: OrderDetail) -> anyhow::Result<()> {
    say("Content: thousands of rows and files, an upload of 200 MB; then the backup, and its copy outside");
    let before = disaster::prepare(fleet, detail).await?;
    for (name, value) in &before.inventory {
        println!("   {name}: {}", value.lines().next().unwrap_or_default());
    }
    say("The server is destroyed. The operator brings the customer back: letsbe backups recover, unseal");
    let after = disaster::strike_and_recover(fleet, operator, &before, None, tell).await?;
    say(&format!("Everything is back after {} s: rows, files, pages, logins", after.took.as_secs()));
    let (recoveries, _) = fleet.letsbe(operator, &["backups", "recoveries"]).await?;
    println!("{recoveries}");
    read_blog(fleet, &after.order).await
}

/// Opens the blog as a visitor would, and says how to do the same.
async fn read_blog(fleet: &Fleet, detail: &OrderDetail) -> anyhow::Result<()> {
    let domain = &detail.summary.domain;
    let address = fleet.machines.address_of(domain.as_str())?;
    let host = format!("blog.{domain}");
    let roots = fleet.folder.path().join("issued-roots.pem");
    std::fs::write(&roots, &fleet.lab.acme.issuer_pem)?;
    let client = reqwest::Client::builder()
        .add_root_certificate(reqwest::Certificate::from_pem(fleet.lab.acme.issuer_pem.as_bytes())?)
        .resolve(&host, std::net::SocketAddr::new(address, 443))
        .build()?;
    let page = client.get(format!("https://{host}/")).send().await?.error_for_status()?.text().await?;
    let generator =
        page.split("name=\"generator\" content=\"").nth(1).and_then(|rest| rest.split('"').next());
    let generator = generator.context("the blog's page does not say what made it")?;
    println!("   https://{host}/ answers: made by {generator}, certificate from the lab's ACME authority");
    println!("   See for yourself:");
    println!("     curl --cacert {} --resolve {host}:443:{address} https://{host}/", roots.display());
    // The lab needs root, and Chromium as root runs without its sandbox only.
    println!(
        "     chromium --no-sandbox --ignore-certificate-errors \\\n       --host-resolver-rules=\"MAP {domain} {address}, MAP *.{domain} {address}\" https://{host}/"
    );
    Ok(())
}
