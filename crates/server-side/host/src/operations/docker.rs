//! Step 2: the Docker engine, configured and running.

use std::collections::BTreeSet;

use async_trait::async_trait;
use letsbe_types::{Code, Problem, job::DesiredServer};
use serde_json::{Map, Value, json};

use crate::{
    change::{Change, Command, FileWrite},
    facts::{
        ask_if_there,
        services::{Unit, units},
        text_of,
    },
    machine::Machine,
    operation::{Assessment, Converge},
};

const CONFIGURATION: &str = "/etc/docker/daemon.json";

/// The engine's configuration, and that it runs with it.
pub(super) struct Engine;

/// What is there.
pub(super) struct Found {
    configuration: Option<String>,
    service: Unit,
    /// The engine's own answer about itself; `None` if it does not answer.
    info: Option<Value>,
    /// Compose v2 is where the command line looks for it.
    compose: bool,
}

/// Our settings put over what is there. Settings of others are kept, but those that would open the engine to the
/// network or take the firewall's rules away from it.
fn configured(existing: Option<&str>, mirrors: &[String]) -> String {
    let mut settings: Map<String, Value> =
        existing.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for name in ["hosts", "iptables", "ip6tables", "registry-mirrors"] {
        settings.remove(name);
    }
    settings.insert("live-restore".to_owned(), json!(true));
    settings.insert("log-driver".to_owned(), json!("json-file"));
    settings.insert("log-opts".to_owned(), json!({ "max-file": "3", "max-size": "10m" }));
    if !mirrors.is_empty() {
        settings.insert("registry-mirrors".to_owned(), json!(mirrors));
    }
    format!("{:#}\n", Value::Object(settings))
}

/// Whether the running engine has read our settings: it says itself what it runs with.
fn runs_with_ours(info: &Value, mirrors: &[String]) -> bool {
    let trimmed = |text: &str| text.trim_end_matches('/').to_owned();
    let running: BTreeSet<String> = info["RegistryConfig"]["Mirrors"]
        .as_array()
        .map(|mirrors| mirrors.iter().filter_map(Value::as_str).map(trimmed).collect())
        .unwrap_or_default();
    let wanted: BTreeSet<String> = mirrors.iter().map(|mirror| trimmed(mirror)).collect();
    info["LiveRestoreEnabled"] == json!(true)
        && info["LoggingDriver"] == json!("json-file")
        && running == wanted
}

#[async_trait]
impl Converge for Engine {
    type Facts = Found;
    const NAME: &'static str = "docker.running";
    const STEP: u8 = 2;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let service = units(machine, &["docker.service"]).await?.remove("docker.service").unwrap_or_default();
        // The command line would take a tenth of a second to say the same.
        let info = "curl -s --max-time 10 --unix-socket /run/docker.sock http://docker/info";
        let info = match service.active {
            true => ask_if_there(machine, info)
                .await?
                .and_then(|output| serde_json::from_str(&output.stdout).ok()),
            false => None,
        };
        let plugins = "find /usr/libexec/docker/cli-plugins /usr/lib/docker/cli-plugins \
                       /usr/local/lib/docker/cli-plugins -name docker-compose";
        let compose = ask_if_there(machine, plugins).await?;
        Ok(Found {
            configuration: text_of(machine, CONFIGURATION).await?,
            compose: compose.is_some_and(|output| !output.stdout.trim().is_empty()),
            service,
            info,
        })
    }

    fn converge(&self, found: &Self::Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let wanted = configured(found.configuration.as_deref(), &desired.registry_mirrors);
        let written = found.configuration.as_deref() == Some(wanted.as_str());
        let loaded = found.info.as_ref().is_some_and(|info| runs_with_ours(info, &desired.registry_mirrors));
        if found.service.known && !found.compose {
            return Err(Problem::permanent(
                Code::HOST015,
                "Compose v2 is not where Docker looks for it",
                "Install the package docker-compose-plugin, docker-compose-v2 or docker-compose (2 or newer).",
            ));
        }
        let mut changes = Vec::new();
        let mut because = Vec::new();
        if !written {
            because.push("the engine's settings are not ours");
            changes.push(Change::Write(FileWrite::new(CONFIGURATION, 0o644, wanted)));
        }
        if !found.service.starts_at_boot() {
            because.push("the engine is not started at boot");
            changes.push(Change::Run(Command::words("systemctl enable docker.service")));
        }
        if !written || !loaded {
            because.push("the engine does not run with them");
            // An engine that failed often in a row is not started again until this is reset.
            changes.push(Change::Run(Command::words("systemctl reset-failed docker.service")));
            changes.push(Change::Run(
                Command::words("systemctl restart docker.service")
                    .within(std::time::Duration::from_secs(180))
                    .retried(1),
            ));
        }
        if changes.is_empty() {
            let version = found.info.as_ref().and_then(|info| info["ServerVersion"].as_str()).unwrap_or("?");
            return Ok(Assessment::converged(format!("engine {version} answers and runs with our settings")));
        }
        Ok(Assessment::needed(because.join("; "), changes))
    }
}
