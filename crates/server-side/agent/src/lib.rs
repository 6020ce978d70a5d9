#![doc = include_str!("../README.md")]

#[macro_use(println)]
extern crate letsbe_types;

mod approvals;
mod commands;
mod completions;
mod configuration;
mod containers;
mod context;
mod drift;
pub mod env_files;
mod escrow;
mod file_version;
pub mod gate;
mod health;
mod heartbeat;
pub mod hub;
mod hub_connection;
mod limit;
mod link;
mod meter;
mod models;
mod outbox;
mod proofs;
mod refusal;
mod scheduler;
mod secrets;
mod serve;
mod sockets;
mod updates;
pub mod uploads;
mod watchdog;
mod work;

pub use health::system::{memory_total_mib, read_text};
pub use meter::ModelLatency;
pub use serve::{AgentStatus, StatusReply};

use std::{path::Path, pin::Pin, sync::Arc, time::Duration};

use chrono::Utc;
use letsbe_types::{
    Code, Problem,
    link::{GATE_SOCKET, LINK_SOCKET, PROXY_USER},
    tenant::TenantEventKind,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    task::JoinSet,
};

use self::{
    approvals::{Approvals, GateHandle},
    commands::{Commands, Handlers},
    configuration::Configurations,
    containers::Containers,
    drift::Drift,
    escrow::Escrow,
    health::{DockerHealth, HealthReporter},
    heartbeat::HeartbeatTask,
    hub_connection::HubConnection,
    link::{Link, Proxies},
    meter::Meter,
    models::Models,
    outbox::Queue,
    scheduler::Scheduler,
    secrets::SecretCache,
    serve::Control,
    updates::Updates,
    watchdog::Watchdog,
};
use crate::context::{AgentContext, Outbox};
use letsbe_base::{files, layout::Layout};

/// A part that is silent for longer hangs.
const SCHEDULER_SILENCE: Duration = Duration::from_secs(40);
const HEARTBEAT_SILENCE: Duration = Duration::from_secs(180);

/// What the parts are made of: each is given the few that it needs.
struct Shared {
    context: Arc<AgentContext>,
    secret_cache: Arc<SecretCache>,
    proxies: Arc<Proxies>,
    meter: Arc<Meter>,
    queue: Arc<Queue>,
    configurations: Arc<Configurations>,
    gate: Arc<GateHandle>,
    connection: Arc<HubConnection>,
    drift: Arc<Drift>,
    updates: Arc<Updates>,
    escrow: Arc<Escrow>,
    /// Asks for a heartbeat now.
    report: Arc<Notify>,
    /// A file of a tool was taken into the vault.
    changed: Arc<Notify>,
}

/// The agent's parts.
struct Agent {
    shared: Shared,
    commands: Arc<Commands>,
    heartbeat_task: HeartbeatTask,
    scheduler: Scheduler,
    control: Control,
    watchdog: Watchdog,
}

/// Where the agent's work can be killed by a test, by the name of the work.
#[cfg(debug_assertions)]
#[must_use]
pub fn crash_points() -> [(&'static str, Vec<letsbe_types::crash::Point>); 5] {
    [
        ("agent.command", commands::points::ALL.to_vec()),
        ("agent.count", meter::count_points::ALL.to_vec()),
        ("agent.event", outbox::points::ALL.to_vec()),
        ("agent.reservation", meter::reservation_points::ALL.to_vec()),
        ("gate.call", gate::points::ALL.to_vec()),
    ]
}

/// Works until told to stop.
pub async fn run(layout: &Layout) -> Result<(), Problem> {
    let mut stop =
        signal(SignalKind::terminate()).map_err(|error| files::unusable(Path::new("SIGTERM"), error))?;
    let mut parts = Agent::assemble(layout).await?.start()?;
    watchdog::notify("READY=1");
    tokio::select! {
        // No part ends by itself; a panic ends one.
        ended = parts.join_next() => {
            let why = ended.map_or_else(String::new, |ended| match ended {
                Ok(part) => part.to_owned(),
                Err(error) => error.to_string(),
            });
            let message = format!("A part of the agent has ended: {why}");
            Err(Problem::transient(Code::NODE076, message, "systemd starts the agent anew. Report this as a bug."))
        }
        _ = stop.recv() => {
            watchdog::notify("STOPPING=1");
            Ok(())
        }
    }
}

impl Shared {
    async fn open(layout: &Layout) -> Result<Self, Problem> {
        let mut updates_told = Vec::new();
        let queue = Arc::new(Queue::open(&layout.state("outbox"), |event| {
            if let TenantEventKind::UpdateSeen { update } = event {
                updates_told.push(update);
            }
        })?);
        let outbox = || Arc::clone(&queue) as Arc<dyn Outbox>;
        let configurations = Arc::new(Configurations::open(layout)?);
        let secret_cache = Arc::new(SecretCache::new(layout));
        secret_cache.reload().await;
        let context = Arc::new(AgentContext {
            layout: layout.clone(),
            secrets: secret_cache.secrets(),
            configuration: configurations.subscribe(),
            outbox: outbox(),
        });
        let gate = GateHandle::new(Arc::clone(&context));
        gate.poll().await;
        Ok(Self {
            meter: Arc::new(Meter::open(&layout.state("tokens.jsonl"), Utc::now())?),
            updates: Arc::new(Updates::open(layout, outbox(), updates_told)?),
            escrow: Arc::new(Escrow::open(layout, outbox())?),
            connection: Arc::new(HubConnection::new(layout)?),
            drift: Arc::new(Drift::new(layout)),
            proxies: Arc::default(),
            report: Arc::default(),
            changed: Arc::default(),
            context,
            secret_cache,
            queue,
            configurations,
            gate,
        })
    }

    fn commands(&self) -> Result<Arc<Commands>, Problem> {
        let handlers = Handlers {
            context: Arc::clone(&self.context),
            approvals: Arc::clone(&self.gate) as Arc<dyn Approvals>,
            drift: Arc::clone(&self.drift),
            report: Arc::clone(&self.report),
        };
        let path = self.context.layout.state("commands.jsonl");
        Commands::open(&path, Arc::clone(&self.context.outbox), Arc::new(handlers))
    }

    fn health(&self) -> Result<Arc<HealthReporter>, Problem> {
        Ok(Arc::new(HealthReporter {
            layout: self.context.layout.clone(),
            secret_cache: Arc::clone(&self.secret_cache),
            proxies: Arc::clone(&self.proxies),
            meter: Arc::clone(&self.meter),
            queue: Arc::clone(&self.queue),
            configurations: Arc::clone(&self.configurations),
            approvals: Arc::clone(&self.gate) as Arc<dyn Approvals>,
            drift: Arc::clone(&self.drift),
            updates: Arc::clone(&self.updates),
            escrow: Arc::clone(&self.escrow),
            docker: DockerHealth::new(Arc::clone(&self.report))?,
        }))
    }

    fn link(&self) -> Arc<Link> {
        Arc::new(Link {
            secret_cache: Arc::clone(&self.secret_cache),
            meter: Arc::clone(&self.meter),
            configurations: Arc::clone(&self.configurations),
            proxies: Arc::clone(&self.proxies),
        })
    }
}

impl Agent {
    async fn assemble(layout: &Layout) -> Result<Self, Problem> {
        let shared = Shared::open(layout).await?;
        let (commands, health) = (shared.commands()?, shared.health()?);
        let mut watchdog = Watchdog::default();
        let heartbeat_task = HeartbeatTask {
            connection: Arc::clone(&shared.connection),
            health: Arc::clone(&health),
            meter: Arc::clone(&shared.meter),
            queue: Arc::clone(&shared.queue),
            configurations: Arc::clone(&shared.configurations),
            commands: Arc::clone(&commands),
            models: Models::new(layout, &shared.secret_cache),
            report: Arc::clone(&shared.report),
            watchdog: watchdog.part("heartbeats", HEARTBEAT_SILENCE),
        };
        let control = Control {
            started_at: Utc::now(),
            secret_cache: Arc::clone(&shared.secret_cache),
            proxies: Arc::clone(&shared.proxies),
            connection: Arc::clone(&shared.connection),
            commands: Arc::clone(&commands),
            meter: Arc::clone(&shared.meter),
            health,
            report: Arc::clone(&shared.report),
        };
        let scheduler = Scheduler {
            changed: Arc::clone(&shared.changed),
            secret_cache: Arc::clone(&shared.secret_cache),
            connection: Arc::clone(&shared.connection),
            meter: Arc::clone(&shared.meter),
            commands: Arc::clone(&commands),
            configurations: Arc::clone(&shared.configurations),
            escrow: Arc::clone(&shared.escrow),
            drift: Arc::clone(&shared.drift),
            report: Arc::clone(&shared.report),
            layout: layout.clone(),
            outbox: Arc::clone(&shared.context.outbox),
            watchdog: watchdog.part("the vault's watch", SCHEDULER_SILENCE),
        };
        Ok(Self { shared, commands, heartbeat_task, scheduler, control, watchdog })
    }

    /// Opens the sockets and starts everything; no part that is named here ever ends by itself.
    fn start(self) -> Result<JoinSet<&'static str>, Problem> {
        let Self { shared, commands, heartbeat_task, scheduler, control, watchdog } = self;
        let layout = shared.context.layout.clone();
        let folder = layout.link_folder();
        sockets::shared_folder(&folder, PROXY_USER)?;
        let link_socket = sockets::shared(&folder.join(LINK_SOCKET), PROXY_USER)?;
        let tools_socket = sockets::shared(&folder.join(GATE_SOCKET), PROXY_USER)?;
        let control_socket = sockets::private(&layout.control_socket())?;

        let containers_socket = sockets::private(&layout.containers().join(containers::SOCKET))?;
        let seen = Containers::new(&layout)?.router();
        let link = shared.link();
        let tools = updates::router(Arc::clone(&shared.updates)).merge(shared.gate.tools());
        let controls = serve::router(Arc::new(control)).merge(shared.gate.control());
        let Shared { secret_cache, queue, connection, gate, changed, .. } = shared;
        let (events_connection, scheduler) = (Arc::clone(&connection), Arc::new(scheduler));
        let (looks, resuming, interrupted) = (Arc::clone(&scheduler), layout.clone(), layout.clone());

        let mut parts = JoinSet::new();
        let mut part = |name: &'static str, work: Pin<Box<dyn Future<Output = ()> + Send>>| {
            parts.spawn(async move {
                work.await;
                name
            });
        };
        part("the line to the secrets proxy", Box::pin(link::serve(link_socket, link)));
        part("the socket for the AI team", Box::pin(serve::http(tools_socket, tools)));
        part("the socket for this server", Box::pin(serve::http(control_socket, controls)));
        part("the containers' socket", Box::pin(serve::http(containers_socket, seen)));
        part("heartbeats", Box::pin(async move { heartbeat_task.run().await }));
        part("events", Box::pin(async move { heartbeat::send_events(&events_connection, &queue).await }));
        part("commands", Box::pin(async move { commands::ask(&connection, &commands).await }));
        part("the vault's watch", Box::pin(async move { scheduler.every_second().await }));
        part("the look for drift", Box::pin(async move { looks.every_hour().await }));
        part(
            "unfinished rotations",
            Box::pin(async move { scheduler::resume_rotation(&secret_cache, &resuming).await }),
        );
        part(
            "unfinished backups and restores",
            Box::pin(async move { scheduler::resume_backups(&interrupted).await }),
        );
        part("the command gate", Box::pin(async move { gate.keep().await }));
        part("the watch over the tools' files", Box::pin(env_files::watch(layout, changed)));
        part("the watchdog", Box::pin(async move { watchdog.feed().await }));
        Ok(parts)
    }
}

#[cfg(test)]
mod tests;
