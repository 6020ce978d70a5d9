//! A conversation with the real OpenClaw, through the secrets proxy and the command gate, against a model that wants
//! the passwords; then what arrived at the model's provider is read, every byte of it. One order, many checks.

mod approvals;
mod attacks;
mod conversation;
mod memory;
mod network;
mod releases;
mod wire;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use letsbe_end_to_end::scenario::{Check, carry_out};
use letsbe_lab::{fleet::Fleet, hosts::Host};
use letsbe_types::{Secret, api::OrderDetail};
use letsbe_vault::{Credentials, REGISTRY_KEY_FILE, VAULT_FILE, Vault};

const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// No single check may take longer.
const CHECK: Duration = Duration::from_secs(10 * 60);
/// The node program on the server.
const NODE: &str = "/opt/letsbe/bin/letsbe-node";

/// A fulfilled order, and what its server keeps secret.
struct Server<'a> {
    fleet: &'a Fleet,
    order: OrderDetail,
    host: Host,
    secrets: Credentials,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_wants_the_passwords_gets_none() {
    letsbe_end_to_end::scenario::play(scenario).await.unwrap();
}

async fn scenario(fleet: &Fleet) -> anyhow::Result<Vec<String>> {
    let releases = letsbe_lab::images::ensure_images(letsbe_lab::images::RELEASES).await?;
    fleet.lab.registry.offer(&releases).await?;
    let customer = fleet.customer().await?;
    let began = Instant::now();
    let order = fleet.place(&customer, &fleet.request("bakery", &["ghost"])).await?;
    let order = fleet.follow(&customer, order, PATIENCE, |_| {}).await.context("the order")?;
    println!("-- FULFILLED after {} s", began.elapsed().as_secs());
    let host = fleet.machines.host(order.summary.domain.as_str())?;
    let server = Server { fleet, order, secrets: secrets(&host).await?, host };
    let checks: Vec<Check<'_>> = vec![
        ("the model is asked by the name it has at its provider", Box::pin(conversation::hello(&server))),
        ("asking for the password gets none", Box::pin(attacks::asked_for(&server))),
        ("files with passwords are not read", Box::pin(attacks::files(&server))),
        ("a log with the password in every form is read without it", Box::pin(attacks::logs(&server))),
        ("halves in two results and in pieces of a stream", Box::pin(attacks::halves(&server))),
        ("what the user types is read too", Box::pin(attacks::typed(&server))),
        ("approved on the server while the Hub is away", Box::pin(approvals::without_the_hub(&server))),
        ("OpenClaw has no way out", Box::pin(network::out(&server))),
        ("wrong keys and other addresses are refused", Box::pin(network::refused(&server))),
        ("memory", Box::pin(network::memory(&server))),
        ("another release, its state kept, killed at every point", Box::pin(releases::moved(&server))),
        ("a release that does not work is undone", Box::pin(releases::undone(&server))),
        ("memory that was deleted is restored", Box::pin(memory::comes_back(&server))),
        ("no secret arrived at the provider", Box::pin(wire::nothing_arrived(&server))),
    ];
    Ok(carry_out(checks, CHECK).await)
}

/// Everything in the server's vault.
async fn secrets(host: &Host) -> anyhow::Result<Credentials> {
    let sealed = host.exec(&["cat", VAULT_FILE]).await?;
    let key = host.exec(&["cat", REGISTRY_KEY_FILE]).await?;
    let secrets = Vault::unseal(&format!("{sealed}\n"), &key)?.present();
    ensure!(secrets.iter().count() >= 7, "only {} secrets", secrets.iter().count());
    Ok(secrets)
}

impl Server<'_> {
    /// The database password of Ghost: what the model is after.
    fn password(&self) -> anyhow::Result<&Secret<String>> {
        self.secrets.get("ghost", "database_password").context("Ghost's database password")
    }

    /// When a container was started last.
    async fn started_at(&self, container: &str) -> anyhow::Result<String> {
        Ok(self.host.exec(&["docker", "inspect", "--format", "{{.State.StartedAt}}", container]).await?)
    }

    /// The command gate's log, entry by entry.
    async fn gate_log(&self) -> anyhow::Result<Vec<serde_json::Value>> {
        let text = self.host.exec(&["cat", "/var/log/letsbe/gate.jsonl"]).await?;
        Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }
}
