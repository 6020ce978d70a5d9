//! `proxy.ready`: the agent has sent the secrets proxy its configuration, so that models can be asked.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use letsbe_catalog::{Exchange, Expect};
use letsbe_host::{Assessment, Machine, Operation};
use letsbe_types::{Code, Problem, job::DesiredServer};
use serde_json::json;
use tokio::time::Instant;

use super::{STEP, failed};
use crate::{Deployment, troubled};

/// The agent connects as soon as it runs.
const PATIENCE: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// The proxy in the catalog.
const PROXY: &str = "secrets-proxy";

pub(super) struct ProxyReady {
    pub(super) deployment: Arc<Deployment>,
}

#[async_trait]
impl Operation for ProxyReady {
    fn name(&self) -> &'static str {
        "proxy.ready"
    }

    fn step(&self) -> u8 {
        STEP
    }

    async fn assess(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Assessment, Problem> {
        if desired.hub.is_none() {
            return Ok(Assessment::Skipped {
                why: "this server is run without a Hub, so without an agent".to_owned(),
            });
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.ask().await? {
                Ok(()) => return Ok(Assessment::converged("the secrets proxy has the vault's secrets")),
                // A proxy that does not run is not waited for: a plan for a fresh server asks this too.
                Err(why) if Instant::now() >= deadline || !self.runs(machine).await => {
                    let hint = "See `journalctl -u letsbe-agent` and `docker logs letsbe-secrets-proxy` on the server.";
                    return Err(failed(
                        Code::NODE057,
                        format!("the secrets proxy is not ready: {why}"),
                        hint,
                    ));
                }
                Err(_) => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
    }
}

impl ProxyReady {
    async fn ask(&self) -> Result<Result<(), String>, Problem> {
        let Some(tool) = self.deployment.find(PROXY) else { return Ok(Err("there is none".to_owned())) };
        self.deployment
            .ask(tool, tool.health.port, &ready(), &BTreeMap::new())
            .await
            .map(|answer| answer.map(drop).map_err(|missed| missed.why))
    }

    async fn runs(&self, machine: &dyn Machine) -> bool {
        let tool = self.deployment.find(PROXY);
        let names: Vec<String> = tool
            .into_iter()
            .flat_map(|tool| &tool.services)
            .map(|service| service.container.clone())
            .collect();
        let containers = self.deployment.containers(machine).await;
        containers.is_ok_and(|containers| troubled(&names, &containers).is_empty())
    }
}

/// What is asked, and what must come back: the proxy is up without secrets too, and then lets nothing pass.
fn ready() -> Exchange {
    let expect =
        Expect { pointer: Some("/vault".to_owned()), equals: Some(json!("ready")), ..Expect::default() };
    Exchange {
        method: "GET".to_owned(),
        path: "/health".to_owned(),
        form: None,
        json: None,
        emit: None,
        headers: BTreeMap::new(),
        expect,
        capture: None,
    }
}

#[cfg(test)]
mod tests {
    use super::ready;

    #[test]
    fn a_proxy_that_waits_for_the_vault_is_not_ready() {
        let expect = ready().expect;
        assert!(expect.check(200, r#"{"status":"ok","vault":"ready"}"#).is_ok());
        for body in [r#"{"status":"ok","vault":"waiting"}"#, r#"{"status":"ok"}"#, "ok"] {
            assert!(expect.check(200, body).is_err(), "{body}");
        }
    }
}
