//! Vital signs: what a heartbeat tells. Counts, names and times; a sign that cannot be read is left out.

pub(crate) mod docker;
mod openclaw;
mod restarts;
pub(crate) mod system;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::Utc;
use letsbe_types::{
    Problem,
    tenant::{Heartbeat, VaultSign, limits},
};

use tokio::sync::Notify;

use self::{
    docker::{Container, Docker},
    openclaw::OpenClaw,
    restarts::Restarts,
};
use super::{
    approvals::Approvals, configuration::Configurations, drift::Drift, escrow::Escrow, link::Proxies,
    meter::Meter, outbox::Queue, secrets::Keeper, updates::Updates,
};
use crate::hub;
use letsbe_base::{files, layout::Layout};
use letsbe_data::backup::heartbeat;

/// All containers are told within this time, or none.
const DOCKER_PATIENCE: Duration = Duration::from_secs(30);

/// Whoever knows something that a heartbeat tells.
pub(crate) struct Signs {
    pub(crate) layout: Layout,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) configurations: Arc<Configurations>,
    pub(crate) approvals: Arc<dyn Approvals>,
    pub(crate) drift: Arc<Drift>,
    pub(crate) updates: Arc<Updates>,
    pub(crate) escrow: Arc<Escrow>,
    pub(crate) docker: DockerSigns,
}

/// What Docker is asked for.
pub(crate) struct DockerSigns {
    docker: Docker,
    openclaw: OpenClaw,
    restarts: Mutex<Restarts>,
}

impl DockerSigns {
    pub(crate) fn new(report: Arc<Notify>) -> Result<Self, Problem> {
        Ok(Self { docker: Docker::new()?, openclaw: OpenClaw::new(report), restarts: Mutex::default() })
    }
}

impl Signs {
    /// All signs, as of now.
    pub(crate) async fn collect(&self) -> Heartbeat {
        let asked = tokio::time::timeout(DOCKER_PATIENCE, self.docker.docker.containers()).await;
        let mut containers =
            asked.unwrap_or_else(|_| Err(docker::silent("it takes too long"))).unwrap_or_else(|problem| {
                tracing::warn!(%problem, "no container can be told");
                Vec::new()
            });
        self.docker
            .restarts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .mark(&mut containers, Instant::now());
        let _late = tokio::time::timeout(DOCKER_PATIENCE, self.forget_installed(&containers)).await;
        let (now, waiting) = (Utc::now(), self.queue.waiting());
        let certificate = self.layout.certificate();
        let (gate_log, gate_chain) = self.approvals.log();
        Heartbeat {
            version: limits::HEARTBEAT_VERSION,
            node_version: hub::VERSION.to_owned(),
            sent_at: now,
            uptime_seconds: system::uptime_seconds(&system::read_text("/proc/uptime")),
            disk_used_percent: system::disk_used_percent().await,
            memory_used_mib: system::memory_used_mib(&system::read_text("/proc/meminfo")),
            agent_memory_mib: system::own_memory_mib(&system::read_text("/proc/self/status")),
            openclaw: self.docker.openclaw.sign(&containers).await,
            containers: containers.into_iter().map(|container| container.sign).collect(),
            tokens: self.meter.sign(self.configurations.token_pool(), now),
            backup: heartbeat::read(&self.layout.backup_status()),
            certificate_expires_at: files::read(&certificate)
                .ok()
                .flatten()
                .and_then(|pem| system::certificate_ends(&pem)),
            updates: self.updates.list(),
            drift: self.drift.last(),
            vault: self.vault(),
            approvals_pending: self.approvals.pending(),
            events_waiting: waiting.events,
            events_dropped: waiting.dropped,
            configuration: self.configurations.current().version,
            gate_log,
            gate_chain,
            uploads_full: crate::uploads::full().is_some(),
        }
    }

    fn vault(&self) -> VaultSign {
        let facts = self.keeper.facts();
        let content = self.keeper.content().borrow().as_ref().map(|content| content.version);
        VaultSign {
            secrets: facts.secrets,
            proxy_ready: self.proxies.ready(content),
            rotated_at: facts.rotated_at,
            rotating: facts.rotating.into_iter().next(),
            escrow_recipients: self.escrow.recipients(),
        }
    }

    /// An update whose digest runs by now is none any more.
    async fn forget_installed(&self, containers: &[Container]) {
        let mut installed = BTreeSet::new();
        for update in self.updates.list() {
            let Some(digest) = &update.digest else { continue };
            for container in containers.iter().filter(|container| same_image(&container.image, &update.image))
            {
                if self.docker.docker.runs(container, digest).await {
                    installed.insert((update.image.clone(), digest.clone()));
                }
            }
        }
        let runs = |update: &letsbe_types::tenant::UpdateSign| {
            update
                .digest
                .as_ref()
                .is_some_and(|digest| installed.contains(&(update.image.clone(), digest.clone())))
        };
        if let Err(problem) = self.updates.installed(runs) {
            tracing::warn!(%problem, "installed updates are still listed");
        }
    }
}

/// Diun names an image with its registry, a compose file often does not.
fn same_image(running: &str, seen: &str) -> bool {
    let short = |image: &str| {
        let image = image.trim_start_matches("docker.io/");
        image.trim_start_matches("library/").split('@').next().unwrap_or_default().to_owned()
    };
    short(running) == short(seen)
}

/// Leaves out what would make a heartbeat longer than the Hub takes.
pub(crate) fn bounded(mut heartbeat: Heartbeat) -> Heartbeat {
    let too_long = |heartbeat: &Heartbeat| {
        serde_json::to_vec(heartbeat).is_ok_and(|text| text.len() > limits::HEARTBEAT_BYTES)
    };
    heartbeat.containers.truncate(limits::LIST);
    heartbeat.updates.truncate(limits::LIST);
    while too_long(&heartbeat) && !(heartbeat.updates.is_empty() && heartbeat.containers.is_empty()) {
        let (updates, containers) = (heartbeat.updates.len() / 2, heartbeat.containers.len() * 9 / 10);
        heartbeat.updates.truncate(updates);
        heartbeat.containers.truncate(containers);
    }
    heartbeat
}

#[cfg(test)]
mod tests {
    use super::same_image;

    #[test]
    fn an_image_is_the_same_with_and_without_its_registry() {
        assert!(same_image("ghost:6", "docker.io/library/ghost:6"));
        assert!(same_image("letsbe/openclaw:2026.9", "docker.io/letsbe/openclaw:2026.9"));
        assert!(!same_image("ghost:6", "docker.io/library/ghost:7"));
        assert!(!same_image("ghost:6", "ghcr.io/library/ghost:6"));
    }
}
