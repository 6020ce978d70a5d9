//! A sandbox: a set of one tool restored into containers and volumes of its own, in a network of its own without a way
//! out (no mail, no webhooks). A proof looks at it and removes it; `--target temp` leaves it standing; a restore
//! switches its data with the tool's.

pub(crate) mod compose;
mod databases;
pub mod docker;
mod fill;
pub mod folders;
mod order;
pub(crate) mod preflight;
pub(crate) mod record;
mod versions;

use std::{
    fs::File,
    net::SocketAddr,
    time::{Duration, Instant},
};

use chrono::Utc;
use letsbe_backup::{BackupSet, Manifest, Repository};
use letsbe_catalog::Tool;
use letsbe_host::LocalMachine;
use letsbe_stacks as stacks;
use letsbe_types::{Code, Problem, backup::ProofStep, clock, crash, process::Process};

pub(crate) use self::preflight::Preflight;
use self::{
    compose::Shape,
    record::{Holding, SandboxId, SandboxRecord},
};
use crate::restore::{exchange::Pair, points};
use letsbe_base::{files, layout::Layout, server::TenantServer};

/// Shortest and longest time that a sandbox's containers get to become healthy.
const PATIENCE_SECONDS: (u64, u64) = (60, 900);

/// What a sandbox is built from.
pub(crate) struct Script<'a> {
    /// The server.
    pub(crate) server: &'a TenantServer,
    /// Where the set is read from.
    pub(crate) repository: &'a Repository,
    /// The set.
    pub(crate) set: &'a BackupSet,
}

impl Script<'_> {
    /// The set's tool, if this server has it.
    pub(crate) fn tool(&self) -> Result<&Tool, Problem> {
        super::tool(self.server, &self.set.tool)
    }
}

/// A set that stands beside everything.
pub(crate) struct Sandbox {
    /// Its Compose project, `letsbe-stage-<tool>-<short id>`.
    pub(crate) project: String,
    /// What the set must hold.
    pub(crate) manifest: Manifest,
    /// What was compared with the manifest and is equal, in words with numbers.
    pub(crate) equal: Vec<String>,
    /// What is different.
    pub(crate) differences: Vec<String>,
    /// How long each part took.
    pub(crate) steps: Vec<ProofStep>,
    layout: Layout,
    record: SandboxRecord,
    places: Vec<Place>,
}

/// A piece of the tool's state: where the tool has it, and where the sandbox has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    live: std::path::PathBuf,
    beside: std::path::PathBuf,
}

impl Sandbox {
    /// Restores the set: databases loaded, files written, everything compared with the manifest. The tool itself
    /// is not started yet. What is left of it after a kill is removed by [`remove_abandoned`]; after a failure nothing
    /// is left.
    ///
    /// # Errors
    /// Data newer than the tool's image, too little memory or disk, anything missing or damaged.
    pub(crate) async fn build(script: &Script<'_>) -> Result<Self, Problem> {
        Self::build_as(script, SandboxId::generate()).await
    }

    /// The same with an id that is known before.
    pub(crate) async fn build_as(script: &Script<'_>, id: SandboxId) -> Result<Self, Problem> {
        let preflight = Preflight::of(script).await?;
        preflight.fits()?;
        let layout = &script.server.layout;
        let maker = Process::own();
        let keep = format!("process {} started {}", maker.pid, maker.started);
        let data = record::data(layout, &id);
        let shape = Shape { tool: preflight.tool, id: &id, data: &data, keep: &keep };
        let record = SandboxRecord {
            id: id.clone(),
            tool: preflight.tool.name.to_string(),
            set: script.set.id,
            taken_at: script.set.taken_at,
            made_at: Utc::now(),
            data: Vec::new(),
            holding: Holding::Made { by: maker },
        };
        record.keep(layout)?;
        crash::point(&points::inside::SANDBOX_RECORDED);
        let mut sandbox = Self {
            project: shape.project(),
            manifest: preflight.manifest.clone(),
            equal: Vec::new(),
            differences: Vec::new(),
            steps: Vec::new(),
            layout: layout.clone(),
            record,
            places: Vec::new(),
        };
        tracing::info!(
            "{}: the set {} is built up beside it, as {}",
            script.set.tool,
            script.set.id,
            sandbox.project
        );
        match sandbox.fill(script, &preflight, &shape).await {
            Ok(()) => Ok(sandbox),
            Err(problem) => {
                if let Err(left) = remove_all(layout, &id).await {
                    tracing::warn!("a stage that could not be built is left: {left}");
                }
                Err(problem)
            }
        }
    }

    /// Starts the tool in the sandbox and asks its health and functional probes.
    ///
    /// # Errors
    /// When it does not become healthy or answers otherwise.
    pub(crate) async fn start_and_probe(&mut self, script: &Script<'_>) -> Result<(), Problem> {
        let (server, tool) = (script.server, script.tool()?);
        let began = Instant::now();
        docker::up_all(&self.folder()).await?;
        let start = u64::from(tool.health.start_seconds);
        // Twice the catalog's figure: it is for a quiet machine.
        let patience = Duration::from_secs((2 * start).clamp(PATIENCE_SECONDS.0, PATIENCE_SECONDS.1));
        let names: Vec<String> =
            tool.services.iter().map(|service| self.container(&service.container)).collect();
        stacks::await_healthy(&LocalMachine, &names, patience)
            .await
            .map_err(|problem| self.silent(problem))?;
        self.took("start", began);
        crash::point(&points::copy::SANDBOX_STARTED);
        let began = Instant::now();
        let address = self.address(tool).await?;
        let credentials = server.vault()?.present();
        let answered =
            stacks::probe_at(&server.catalog, &server.desired, tool.name.as_str(), &credentials, address)
                .await
                .map_err(|problem| self.silent(problem))?;
        self.equal.extend(answered);
        self.took("probe", began);
        Ok(())
    }

    /// Removes containers, volumes, networks and files of the sandbox.
    ///
    /// # Errors
    /// When Docker refuses.
    pub(crate) async fn remove(self) -> Result<(), Problem> {
        remove_all(&self.layout, &self.record.id).await
    }

    /// Where this server reaches the tool in the sandbox.
    pub(crate) async fn address(&self, tool: &Tool) -> Result<SocketAddr, Problem> {
        address(tool, &self.record.id).await
    }

    /// What is written down about it.
    pub(crate) const fn record(&self) -> &SandboxRecord {
        &self.record
    }

    /// Its own folder.
    pub(crate) fn folder(&self) -> std::path::PathBuf {
        record::folder(&self.layout, &self.record.id)
    }

    /// Writes down why it stands from now on.
    pub(crate) fn hold(&mut self, holding: Holding) -> Result<(), Problem> {
        self.record.holding = holding;
        self.record.keep(&self.layout)
    }

    /// Ends its containers, and brings everything that was restored to the disk.
    pub(crate) async fn settle(&self) -> Result<(), Problem> {
        docker::stop(&self.folder()).await?;
        for Place { beside, .. } in &self.places {
            let folder = File::open(beside).map_err(|error| files::unusable(beside, error))?;
            rustix::fs::syncfs(&folder).map_err(|error| files::unusable(beside, error))?;
        }
        Ok(())
    }

    /// The folders of the tool's state with those of the sandbox, as they are now.
    pub(crate) fn pairs(&self) -> Result<Vec<Pair>, Problem> {
        self.places.iter().map(|place| Pair::of(place.live.clone(), place.beside.clone())).collect()
    }

    fn container(&self, container: &str) -> String {
        format!("{container}-stage-{}", self.record.id)
    }

    fn took(&mut self, name: &str, began: Instant) {
        let milliseconds = clock::milliseconds(began.elapsed());
        self.steps.push(ProofStep { name: name.to_owned(), milliseconds });
    }

    fn silent(&self, problem: Problem) -> Problem {
        Problem::transient(
            Code::RES006,
            format!(
                "{} does not come up from the set {}: {}",
                self.record.tool, self.record.set, problem.message
            ),
            problem.hint,
        )
    }
}

/// Where this server reaches a tool in a sandbox.
pub(crate) async fn address(tool: &Tool, id: &SandboxId) -> Result<SocketAddr, Problem> {
    let port = tool.ports.iter().find(|port| port.host == tool.health.port);
    let found = port.and_then(|port| {
        let service = tool.services.iter().find(|service| service.name == port.service)?;
        Some((format!("{}-stage-{id}", service.container), port.container))
    });
    let Some((container, port)) = found else {
        return Err(Problem::permanent(
            Code::RES011,
            format!("{} publishes no port for its health", tool.name),
            "Correct the catalog.",
        ));
    };
    Ok(SocketAddr::new(docker::address(&container).await?, port))
}

/// Removes sandboxes whose maker is gone and that nobody wanted to keep.
///
/// # Errors
/// When Docker refuses.
pub(crate) async fn remove_abandoned(server: &TenantServer) -> Result<(), Problem> {
    let layout = &server.layout;
    let restoring = super::journal::sandboxes(layout)?;
    let mut first = Ok(());
    for id in record::ids(layout)? {
        let abandoned = match SandboxRecord::of(layout, &id) {
            Ok(Some(record)) => {
                record.holding.is_abandoned(Utc::now(), restoring.contains(&id), Process::lives)
            }
            // The record comes first and goes last: a folder without one was never more than that.
            Ok(None) => !docker::has_any(&id).await?,
            // Nobody knows what it holds.
            Err(problem) => {
                tracing::warn!("a stage is left alone: {problem}");
                false
            }
        };
        if abandoned {
            tracing::info!("the stage {id}, which nobody wants any more, is removed");
            first = first.and(remove_all(layout, &id).await);
        }
    }
    first
}

/// Removes everything of a sandbox; what is gone already is fine.
pub(crate) async fn remove_all(layout: &Layout, id: &SandboxId) -> Result<(), Problem> {
    docker::remove_containers(id).await?;
    docker::remove_volumes(id).await?;
    folders::remove(&record::data(layout, id))?;
    crash::point(&points::inside::SANDBOX_REMOVING);
    folders::remove(&record::folder(layout, id))
}
