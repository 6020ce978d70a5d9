//! The agent of a real server is killed (SIGKILL) at every boundary of its work: approved calls, commands, events,
//! tokens. Nothing is done twice, nothing is lost; and a stolen key of the agent opens nothing of the company's.

mod approvals;
mod commands;
mod events;
mod kills;
mod theft;
mod tokens;

use std::{
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures::{FutureExt as _, future::LocalBoxFuture};
use letsbe_lab::{
    fleet::{Customer, Fleet, FleetOptions},
    hosts::Host,
};
use letsbe_store::Store;
use letsbe_types::{
    api::OrderDetail,
    tenants::{EventEntry, TenantDetail},
};
use serde_json::Value;
use tokio::process::Command;

/// Until the order is fulfilled.
const ORDER: Duration = Duration::from_secs(10 * 60);
/// Until something that was asked for is so, however often the agent is killed meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
/// No single check may take longer.
const CHECK: Duration = Duration::from_secs(2 * 60);
/// The node program on the server.
const NODE: &str = "/opt/letsbe/bin/letsbe-node";

/// A fulfilled order, its server, and who looks at it.
struct Scene<'a> {
    fleet: &'a Fleet,
    customer: Customer,
    order: OrderDetail,
    host: Host,
    store: Store,
}

type Check<'a> = (&'static str, LocalBoxFuture<'a, anyhow::Result<()>>);

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_the_agent_does_nothing_twice_and_loses_nothing() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("repository");
    letsbe_lab::lab::cleanup_stale().await.expect("what former runs left is removed");
    let options = FleetOptions::new(&programs(), &repository);
    let fleet = Fleet::start(&options, &|text| println!("-- {text}")).await.expect("a fleet");
    let told = AssertUnwindSafe(scenario(&fleet)).catch_unwind().await;
    let log = std::fs::read_to_string(&fleet.hub.log).unwrap_or_default();
    fleet.stop().await.expect("the fleet is removed");
    let failures = match told {
        Ok(Ok(failures)) => failures,
        Ok(Err(error)) => panic!("no server to kill on: {error:?}\nThe Hub's log:\n{log}"),
        Err(panic) => std::panic::resume_unwind(panic),
    };
    assert!(failures.is_empty(), "{} checks failed:\n{}", failures.len(), failures.join("\n"));
}

/// Cargo's output folder, where the programs are.
fn programs() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    test.ancestors().nth(2).expect("target/debug").to_owned()
}

async fn scenario(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let customer = fleet.customer().await?;
    let began = Instant::now();
    let order = fleet.place(&customer, &fleet.request("bakery", &["static-website", "nocodb"])).await?;
    let order = fleet.follow(&customer, order, ORDER, |_| {}).await.context("the order")?;
    println!("-- FULFILLED after {} s", began.elapsed().as_secs());
    let host = fleet.machines.host(order.summary.domain.as_str())?;
    let store = Store::open(&fleet.folder.path().join("hub/hub.sqlite")).await?;
    let scene = Scene { fleet, customer, order, host, store };
    kills::prepare(&scene).await?;
    let checks: Vec<Check<'_>> = vec![
        ("an approved call is done once, or told as interrupted", Box::pin(approvals::once(&scene))),
        ("a command is begun once and has one result", Box::pin(commands::once(&scene))),
        ("the Hub gets every event once", Box::pin(events::once(&scene))),
        ("every token is counted once", Box::pin(tokens::once(&scene))),
        ("a stolen key opens nothing of the company's", Box::pin(theft::useless(&scene))),
        ("events have numbers without gaps", Box::pin(events::without_gaps(&scene))),
    ];
    Ok(carry_out(checks).await)
}

/// Makes the checks one after the other; what failed, with its reason.
async fn carry_out(checks: Vec<Check<'_>>) -> Vec<String> {
    let mut failures = Vec::new();
    for (name, check) in checks {
        let began = Instant::now();
        let result = match tokio::time::timeout(CHECK, AssertUnwindSafe(check).catch_unwind()).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(anyhow::anyhow!("it panicked")),
            Err(_) => Err(anyhow::anyhow!("it took longer than {} s", CHECK.as_secs())),
        };
        let mark = if result.is_ok() { "✓" } else { "✗" };
        println!("-- {mark} {name} ({:.1} s)", began.elapsed().as_secs_f64());
        if let Err(error) = result {
            println!("     {error:#}");
            failures.push(format!("{name}: {error:#}"));
        }
    }
    failures
}

impl Scene<'_> {
    fn domain(&self) -> &str {
        self.order.summary.domain.as_str()
    }

    /// Asks the proxy's door from the server itself; `None` when it is not answered with success.
    async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Option<Value> {
        let authorization = key.map(|key| format!("header = \"Authorization: Bearer {key}\"\n"));
        let data = body.to_string().replace('\\', "\\\\").replace('"', "\\\"");
        let input = format!(
            "url = \"http://127.0.0.1:8100{path}\"\nheader = \"Content-Type: application/json\"\n\
             {}data = \"{data}\"\n",
            authorization.unwrap_or_default()
        );
        let words = ["curl", "--silent", "--show-error", "--fail", "--max-time", "20", "--config", "-"];
        let answer = self.host.exec_with_input(&words, input.as_bytes()).await.ok()?;
        serde_json::from_str(&answer).ok()
    }

    /// A secret of the AI runtime.
    async fn key(&self, name: &str) -> anyhow::Result<String> {
        Ok(self.host.exec(&[NODE, "vault", "get", &format!("openclaw/{name}")]).await?.trim().to_owned())
    }

    /// The operator's command line.
    async fn letsbe(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let home = self.fleet.folder.path().join("operator");
        std::fs::create_dir_all(home.join("letsbe"))?;
        std::fs::write(home.join("letsbe/token"), self.customer.token())?;
        let output = Command::new(&self.fleet.programs.cli)
            .args(["--hub", &self.fleet.hub.url])
            .args(arguments)
            .env("XDG_CONFIG_HOME", &home)
            .env("XDG_STATE_HOME", &home)
            .output()
            .await?;
        let (printed, said) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        ensure!(output.status.success(), "letsbe {arguments:?}: {said}");
        Ok(printed)
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
