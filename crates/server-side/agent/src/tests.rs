//! The whole agent, with a Hub that is played.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use chrono::{TimeDelta, Utc};
use letsbe_types::{
    Code, Problem,
    api::Reply,
    ids::CommandId,
    tenant::{
        Autonomy, CommandOutcome, CommandWork, CommandsReply, EventsReply, Heartbeat, HeartbeatReply,
        TenantCommand, TenantConfiguration, TenantEvent, TenantEventKind, TenantEvents,
    },
};
use letsbe_vault::{Origin, Vault, VaultFiles};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::Agent;
use crate::context::Outbox;
use letsbe_base::{control, files, layout::Layout};

/// A Hub.
#[derive(Default)]
struct Hub {
    down: bool,
    revoked: bool,
    heartbeats: Vec<Heartbeat>,
    events: Vec<TenantEvent>,
    commands: Vec<TenantCommand>,
    /// How often commands were asked for.
    asked: usize,
}

impl Hub {
    fn finished(&self) -> BTreeSet<CommandId> {
        let ids = self.events.iter().filter_map(|event| match &event.event {
            TenantEventKind::CommandFinished { result } => Some(result.command),
            _ => None,
        });
        ids.collect()
    }
}

type Shared = Arc<watch::Sender<Hub>>;

async fn let_in(State(hub): State<Shared>, request: Request, next: Next) -> Response {
    let (down, revoked) = (hub.borrow().down, hub.borrow().revoked);
    if down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if revoked || request.headers()["authorization"] != "Bearer canary-agent-key" {
        let error = json!({ "code": "API401", "message": "the key is not valid" });
        return (StatusCode::UNAUTHORIZED, Json(json!({ "success": false, "error": error }))).into_response();
    }
    next.run(request).await
}

async fn heartbeat(State(hub): State<Shared>, Json(beat): Json<Heartbeat>) -> Json<Reply<HeartbeatReply>> {
    let configuration = (beat.configuration < 7).then(|| TenantConfiguration {
        version: 7,
        autonomy: Autonomy::Level2,
        token_pool: 5000,
        ..TenantConfiguration::default()
    });
    let gate_log = Some(beat.gate_log.clone());
    hub.send_modify(|hub| hub.heartbeats.push(beat));
    Json(Reply::new(HeartbeatReply {
        configuration,
        commands: waiting(&hub),
        gate_log,
        ..HeartbeatReply::default()
    }))
}

fn waiting(hub: &Shared) -> Vec<TenantCommand> {
    let hub = hub.borrow();
    let finished = hub.finished();
    hub.commands.iter().filter(|command| !finished.contains(&command.id)).cloned().collect()
}

async fn commands(State(hub): State<Shared>) -> Json<Reply<CommandsReply>> {
    hub.send_modify(|hub| hub.asked += 1);
    let mut changes = hub.subscribe();
    let something = changes.wait_for(|_| !waiting(&hub).is_empty());
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), something).await.map(drop);
    Json(Reply::new(CommandsReply { commands: waiting(&hub) }))
}

async fn events(State(hub): State<Shared>, Json(told): Json<TenantEvents>) -> Json<Reply<EventsReply>> {
    hub.send_modify(|hub| {
        let taken = hub.events.last().map_or(0, |event| event.sequence);
        hub.events.extend(told.events.into_iter().filter(|event| event.sequence > taken));
    });
    let taken_through = hub.borrow().events.last().map_or(0, |event| event.sequence);
    Json(Reply::new(EventsReply { taken_through }))
}

/// A server with a vault, a bundle and a registration.
struct Server {
    _folder: tempfile::TempDir,
    layout: Layout,
    hub: Shared,
}

impl Server {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        Vault::update(&VaultFiles::under(folder.path()), &mut rand::rng(), |vault| {
            for key in ["model_key", "gate_key"] {
                vault.put("openclaw", key, "canary-of-openclaw".into(), Origin::Made, Utc::now());
            }
            Ok(())
        })
        .unwrap();
        files::make_folder(&layout.bundle()).unwrap();
        files::make_folder(layout.audit_log().parent().unwrap()).unwrap();
        let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
        std::os::unix::fs::symlink(catalog.canonicalize().unwrap(), layout.bundle().join("catalog")).unwrap();

        let hub: Shared = Arc::new(watch::Sender::new(Hub::default()));
        let router = Router::new()
            .route("/api/v1/tenant/heartbeat", post(heartbeat))
            .route("/api/v1/tenant/commands", get(commands))
            .route("/api/v1/tenant/events", post(events))
            .layer(from_fn_with_state(Arc::clone(&hub), let_in))
            .with_state(Arc::clone(&hub));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hub_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let agent = json!({ "hub_url": hub_url, "agent_key": "canary-agent-key" });
        files::write_json(&layout.state("agent.json"), &agent).unwrap();
        Self { _folder: folder, layout, hub }
    }

    async fn start(&self) -> Life {
        let agent = Agent::assemble(&self.layout).await.unwrap();
        let outbox = Arc::clone(&agent.shared.context.outbox);
        Life { outbox, _parts: agent.start().unwrap() }
    }

    async fn status(&self) -> Value {
        control::call(&self.layout, "GET", "/status", None).await.unwrap()
    }

    async fn until(&self, what: impl FnMut(&Hub) -> bool) {
        let mut hub = self.hub.subscribe();
        drop(hub.wait_for(what).await.unwrap());
    }
}

/// An agent that runs until this is dropped: as sudden as a kill.
struct Life {
    outbox: Arc<dyn Outbox>,
    _parts: JoinSet<&'static str>,
}

impl Life {
    /// Something happens here.
    fn happen(&self, number: usize) {
        let problem = Problem::permanent(Code::WORK001, number.to_string(), "");
        self.outbox.publish(TenantEventKind::Trouble { problem }).unwrap();
    }
}

fn command(work: CommandWork) -> TenantCommand {
    let (id, issued_at) = (CommandId::generate(), Utc::now());
    TenantCommand { id, issued_at, expires_at: issued_at + TimeDelta::hours(1), work }
}

#[tokio::test]
async fn while_the_hub_is_away_everything_queues_and_arrives_once_in_order_afterwards() {
    let server = Server::new().await;
    server.hub.send_modify(|hub| hub.down = true);
    let life = server.start().await;
    while server.status().await["agent"]["hub"]["away_since"].is_null() {
        tokio::task::yield_now().await;
    }
    for number in 1..=130 {
        life.happen(number);
    }
    let reloaded = control::call(&server.layout, "POST", "/vault/reload", None).await.unwrap();
    assert_eq!(reloaded["proxy"], "not_connected", "{reloaded}");
    let approvals = control::call(&server.layout, "GET", "/approvals", None).await.unwrap();
    assert_eq!(approvals, json!([]), "approvals are decided here, without the Hub");
    drop(life);

    let life = server.start().await;
    life.happen(131);
    assert_eq!(server.status().await["vital_signs"]["events_waiting"], 131);
    let given =
        [command(CommandWork::Report), command(CommandWork::RestartTool { tool: "no-such".to_owned() })];
    let too_late =
        TenantCommand { expires_at: Utc::now() - TimeDelta::seconds(1), ..command(CommandWork::CheckDrift) };
    server.hub.send_modify(|hub| {
        hub.down = false;
        hub.commands = given.iter().chain([&too_late]).cloned().collect();
    });
    server.until(|hub| hub.events.len() >= 134 && !hub.heartbeats.is_empty()).await;
    control::call(&server.layout, "POST", "/heartbeat", None).await.unwrap();
    server.until(|hub| hub.heartbeats.last().is_some_and(|beat| beat.configuration == 7)).await;
    // Asked some more times, nothing is done again.
    let asked = server.hub.borrow().asked;
    server.until(|hub| hub.asked >= asked + 2).await;
    let hub = server.hub.borrow();
    let sequences: Vec<u64> = hub.events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=134).collect::<Vec<u64>>());
    let outcome = |id: CommandId| {
        let of = |event: &&TenantEvent| matches!(&event.event, TenantEventKind::CommandFinished { result } if result.command == id);
        let found = hub.events.iter().find(of).unwrap();
        let TenantEventKind::CommandFinished { result } = &found.event else { panic!("{found:?}") };
        result.outcome.clone()
    };
    assert!(matches!(outcome(given[0].id), CommandOutcome::Done { .. }));
    assert!(matches!(outcome(given[1].id), CommandOutcome::Failed { problem } if problem.code == "NODE073"));
    assert_eq!(outcome(too_late.id), CommandOutcome::Expired);
    let last = hub.heartbeats.last().unwrap();
    assert_eq!((last.configuration, last.tokens.pool), (7, 5000), "the Hub's word is in force");
    assert_eq!((last.version, last.vault.secrets), (2, 2));
    let chain = last.gate_chain.as_ref().expect("how the gate's log goes on from what the Hub knows");
    assert_eq!(chain.hash_of(last.gate_log.entry), Some(last.gate_log.hash.as_str()));
    assert!(!serde_json::to_string(&hub.heartbeats).unwrap().contains("canary"));
}

#[tokio::test]
async fn a_refused_key_is_told_and_everything_local_goes_on() {
    let server = Server::new().await;
    server.hub.send_modify(|hub| hub.revoked = true);
    let life = server.start().await;
    let refused = async || server.status().await["agent"]["hub"]["refused"]["code"].clone();
    while refused().await.is_null() {
        tokio::task::yield_now().await;
    }
    assert_eq!(refused().await, "NODE072");
    life.happen(1);
    let tool = control::call(&server.layout, "GET", "/gate/log/head", None).await;
    assert!(tool.is_ok(), "{tool:?}");
    server.hub.send_modify(|hub| hub.revoked = false);
    control::call(&server.layout, "POST", "/heartbeat", None).await.unwrap();
    server.until(|hub| !hub.heartbeats.is_empty() && hub.events.len() == 1).await;
    assert_eq!(refused().await, Value::Null);
}

#[tokio::test]
async fn without_a_hub_all_but_the_hub_works_and_a_registration_is_seen() {
    let server = Server::new().await;
    let registration = files::read(&server.layout.state("agent.json")).unwrap().unwrap();
    files::remove(&server.layout.state("agent.json")).unwrap();
    let life = server.start().await;
    life.happen(1);
    let status = server.status().await;
    assert_eq!(status["agent"]["hub"]["hub_url"], Value::Null, "{status}");
    assert_eq!(
        (&status["agent"]["vault"]["secrets"], &status["vital_signs"]["events_waiting"]),
        (&json!(2), &json!(1))
    );
    files::write(&server.layout.state("agent.json"), &registration).unwrap();
    server.until(|hub| !hub.heartbeats.is_empty() && hub.events.len() == 1).await;
}
