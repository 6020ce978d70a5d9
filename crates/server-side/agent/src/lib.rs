//! The agent: holds the vault, counts tokens, asks the Hub for commands and tells it how the server is. Made of
//! small parts that know one another as little as possible.
//!
//! It must never make anything that the server's work depends on wait for the Hub, nor carry out what the command gate did
//! not allow.

#[macro_use(println)]
extern crate letsbe_types;

mod approvals;
mod beats;
mod commands;
mod configuration;
mod containers;
mod doors;
mod drift;
mod ended;
pub mod env_files;
mod escrow;
pub mod gate;
mod guardian;
pub mod hub;
mod limit;
mod lines;
mod link;
mod meter;
mod models;
mod outbox;
mod proofs;
mod pulse;
mod refusal;
mod secrets;
mod serve;
mod signs;
mod stamp;
mod standing;
mod tick;
mod updates;
pub mod uploads;
mod work;

pub use meter::Pace;
pub use serve::{AgentStatus, Answer};
pub use signs::system::{memory_total_mib, read_text};

use std::{path::Path, pin::Pin, sync::Arc, time::Duration};

use chrono::Utc;
use letsbe_types::{
    Problem,
    link::{GATE_SOCKET, LINK_SOCKET, PROXY_USER},
    tenant::TenantEventKind,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    task::JoinSet,
};

use self::{
    approvals::{Approvals, GateDoor},
    beats::Heart,
    commands::{Commands, Works},
    configuration::Configurations,
    containers::Containers,
    drift::Drift,
    escrow::Escrow,
    link::{Link, Proxies},
    meter::Meter,
    models::Models,
    outbox::Queue,
    pulse::Pulses,
    secrets::Keeper,
    serve::Control,
    signs::{DockerSigns, Signs},
    standing::HubDoor,
    tick::Tick,
    updates::Updates,
};
use crate::guardian::{Guardian, Outbox};
use letsbe_base::{files, layout::Layout};

/// The parts that look after the server stand still when they are silent for longer.
const TICK_SILENCE: Duration = Duration::from_secs(40);
const HEART_SILENCE: Duration = Duration::from_secs(180);

/// What the parts are made of: each is given the few that it needs.
struct Shared {
    guardian: Arc<Guardian>,
    keeper: Arc<Keeper>,
    proxies: Arc<Proxies>,
    meter: Arc<Meter>,
    queue: Arc<Queue>,
    configurations: Arc<Configurations>,
    gate: Arc<GateDoor>,
    door: Arc<HubDoor>,
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
    heart: Heart,
    tick: Tick,
    control: Control,
    pulses: Pulses,
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
    pulse::notify("READY=1");
    tokio::select! {
        // No part ends by itself; a panic ends one.
        ended = parts.join_next() => {
            let why = ended.map_or_else(String::new, |ended| match ended {
                Ok(part) => part.to_owned(),
                Err(error) => error.to_string(),
            });
            let message = format!("A part of the agent has ended: {why}");
            Err(Problem::transient("NODE076", message, "systemd starts the agent anew. Report this as a bug."))
        }
        _ = stop.recv() => {
            pulse::notify("STOPPING=1");
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
        let keeper = Arc::new(Keeper::new(layout));
        keeper.reload().await;
        let guardian = Arc::new(Guardian {
            layout: layout.clone(),
            secrets: keeper.secrets(),
            configuration: configurations.subscribe(),
            outbox: outbox(),
        });
        let gate = GateDoor::new(Arc::clone(&guardian));
        gate.look().await;
        Ok(Self {
            meter: Arc::new(Meter::open(&layout.state("tokens.jsonl"), Utc::now())?),
            updates: Arc::new(Updates::open(layout, outbox(), updates_told)?),
            escrow: Arc::new(Escrow::open(layout, outbox())?),
            door: Arc::new(HubDoor::new(layout)?),
            drift: Arc::new(Drift::new(layout)),
            proxies: Arc::default(),
            report: Arc::default(),
            changed: Arc::default(),
            guardian,
            keeper,
            queue,
            configurations,
            gate,
        })
    }

    fn commands(&self) -> Result<Arc<Commands>, Problem> {
        let works = Works {
            guardian: Arc::clone(&self.guardian),
            approvals: Arc::clone(&self.gate) as Arc<dyn Approvals>,
            drift: Arc::clone(&self.drift),
            report: Arc::clone(&self.report),
        };
        let path = self.guardian.layout.state("commands.jsonl");
        Commands::open(&path, Arc::clone(&self.guardian.outbox), Arc::new(works))
    }

    fn signs(&self) -> Result<Arc<Signs>, Problem> {
        Ok(Arc::new(Signs {
            layout: self.guardian.layout.clone(),
            keeper: Arc::clone(&self.keeper),
            proxies: Arc::clone(&self.proxies),
            meter: Arc::clone(&self.meter),
            queue: Arc::clone(&self.queue),
            configurations: Arc::clone(&self.configurations),
            approvals: Arc::clone(&self.gate) as Arc<dyn Approvals>,
            drift: Arc::clone(&self.drift),
            updates: Arc::clone(&self.updates),
            escrow: Arc::clone(&self.escrow),
            docker: DockerSigns::new(Arc::clone(&self.report))?,
        }))
    }

    fn link(&self) -> Arc<Link> {
        Arc::new(Link {
            keeper: Arc::clone(&self.keeper),
            meter: Arc::clone(&self.meter),
            configurations: Arc::clone(&self.configurations),
            proxies: Arc::clone(&self.proxies),
        })
    }
}

impl Agent {
    async fn assemble(layout: &Layout) -> Result<Self, Problem> {
        let shared = Shared::open(layout).await?;
        let (commands, signs) = (shared.commands()?, shared.signs()?);
        let mut pulses = Pulses::default();
        let heart = Heart {
            door: Arc::clone(&shared.door),
            signs: Arc::clone(&signs),
            meter: Arc::clone(&shared.meter),
            queue: Arc::clone(&shared.queue),
            configurations: Arc::clone(&shared.configurations),
            commands: Arc::clone(&commands),
            models: Models::new(layout, &shared.keeper),
            report: Arc::clone(&shared.report),
            pulse: pulses.part("heartbeats", HEART_SILENCE),
        };
        let control = Control {
            started_at: Utc::now(),
            keeper: Arc::clone(&shared.keeper),
            proxies: Arc::clone(&shared.proxies),
            door: Arc::clone(&shared.door),
            commands: Arc::clone(&commands),
            meter: Arc::clone(&shared.meter),
            signs,
            report: Arc::clone(&shared.report),
        };
        let tick = Tick {
            changed: Arc::clone(&shared.changed),
            keeper: Arc::clone(&shared.keeper),
            door: Arc::clone(&shared.door),
            meter: Arc::clone(&shared.meter),
            commands: Arc::clone(&commands),
            configurations: Arc::clone(&shared.configurations),
            escrow: Arc::clone(&shared.escrow),
            drift: Arc::clone(&shared.drift),
            report: Arc::clone(&shared.report),
            layout: layout.clone(),
            outbox: Arc::clone(&shared.guardian.outbox),
            pulse: pulses.part("the vault's watch", TICK_SILENCE),
        };
        Ok(Self { shared, commands, heart, tick, control, pulses })
    }

    /// Opens the doors and starts everything; no part that is named here ever ends by itself.
    fn start(self) -> Result<JoinSet<&'static str>, Problem> {
        let Self { shared, commands, heart, tick, control, pulses } = self;
        let layout = shared.guardian.layout.clone();
        let folder = layout.guardian();
        doors::shared_folder(&folder, PROXY_USER)?;
        let link_door = doors::shared(&folder.join(LINK_SOCKET), PROXY_USER)?;
        let tools_door = doors::shared(&folder.join(GATE_SOCKET), PROXY_USER)?;
        let control_door = doors::private(&layout.control_socket())?;

        let containers_door = doors::private(&layout.containers().join(containers::SOCKET))?;
        let seen = Containers::new(&layout)?.router();
        let link = shared.link();
        let tools = updates::router(Arc::clone(&shared.updates)).merge(shared.gate.tools());
        let controls = serve::router(Arc::new(control)).merge(shared.gate.control());
        let Shared { keeper, queue, door, gate, changed, .. } = shared;
        let (events_door, tick) = (Arc::clone(&door), Arc::new(tick));
        let (looks, resuming, standing) = (Arc::clone(&tick), layout.clone(), layout.clone());

        let mut parts = JoinSet::new();
        let mut part = |name: &'static str, work: Pin<Box<dyn Future<Output = ()> + Send>>| {
            parts.spawn(async move {
                work.await;
                name
            });
        };
        part("the line to the secrets proxy", Box::pin(link::serve(link_door, link)));
        part("the door for the AI team", Box::pin(serve::http(tools_door, tools)));
        part("the door for this server", Box::pin(serve::http(control_door, controls)));
        part("the containers' socket", Box::pin(serve::http(containers_door, seen)));
        part("heartbeats", Box::pin(async move { heart.beat().await }));
        part("events", Box::pin(async move { beats::tell_events(&events_door, &queue).await }));
        part("commands", Box::pin(async move { commands::ask(&door, &commands).await }));
        part("the vault's watch", Box::pin(async move { tick.every_second().await }));
        part("the look for drift", Box::pin(async move { looks.every_hour().await }));
        part(
            "unfinished rotations",
            Box::pin(async move { tick::resume_rotation(&keeper, &resuming).await }),
        );
        part(
            "unfinished backups and restores",
            Box::pin(async move { tick::resume_backups(&standing).await }),
        );
        part("the command gate", Box::pin(async move { gate.keep().await }));
        part("the watch over the tools' files", Box::pin(env_files::watch(layout, changed)));
        part("the watchdog", Box::pin(async move { pulses.feed().await }));
        Ok(parts)
    }
}

#[cfg(test)]
mod tests;
