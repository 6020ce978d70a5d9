//! `POST /api/v1/tenant/heartbeat`: what a server says, and what it is told in answer.

use axum::{
    Json,
    extract::{Request, State},
};
use letsbe_store::{Beat, Heard};
use letsbe_types::{
    api::{FieldError, Reply},
    tenant::{Heartbeat, HeartbeatReply, limits},
};
use serde::Deserialize;

use super::{bearer_hash, refuse, refused, words::Words};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, extract, field},
    tenants::{NotTaken, standings},
};

/// `POST /api/v1/tenant/heartbeat`
pub(crate) async fn heartbeat(
    State(state): State<AppState>,
    mut request: Request,
) -> ApiResult<Json<Reply<HeartbeatReply>>> {
    let key_hash = bearer_hash(&mut request)?;
    let heartbeat = read(&extract::json_body(request, &state).await?)?;
    refuse(wrong(&heartbeat))?;
    let beat = Beat::new(key_hash.to_string(), &heartbeat)?.rated(standings::of(&heartbeat));
    let heard = match state.tenants.ingest.take(beat).await {
        Ok(heard) => heard.map_err(refused)?,
        Err(NotTaken::Full) => return Err(ApiError::busy()),
        Err(NotTaken::Failed) => return Err(ApiError::internal(&"the heartbeats could not be stored")),
    };
    answer(&state, &key_hash, &heard, heartbeat.configuration).await.map(Reply::new).map(Json)
}

async fn answer(
    state: &AppState,
    key_hash: &str,
    heard: &Heard,
    known_configuration: u64,
) -> ApiResult<HeartbeatReply> {
    let models = state.relay.as_ref().map(|relay| relay.fingerprint(heard.relay_key_hash.as_deref()));
    let gate_log = Some(heard.gate_log.clone());
    let mut reply = HeartbeatReply { models, gate_log, ..HeartbeatReply::default() };
    // A new agent begins with none: its server may go on with the numbers of the one before.
    reply.events_through = Some(heard.events_through).filter(|through| *through > 0);
    if heard.configuration != known_configuration {
        reply.configuration = state.store.configuration(heard.tenant).await?;
    }
    if heard.commands_wait {
        let waiting = state.store.waiting_commands(key_hash, state.clock.now()).await?;
        (_, reply.commands) = waiting.map_err(refused)?;
    }
    Ok(reply)
}

/// Another version is told so, whatever else is in it.
fn read(body: &[u8]) -> ApiResult<Heartbeat> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let parsed = extract::parse::<Heartbeat>(body);
    let version = match &parsed {
        Ok(heartbeat) => Some(heartbeat.version),
        Err(_) => serde_json::from_slice::<Versioned>(body).ok().map(|versioned| versioned.version),
    };
    match version {
        Some(version) if version != limits::HEARTBEAT_VERSION => {
            let message = format!(
                "this Hub reads version {} of heartbeats, not {version}: install its own node program",
                limits::HEARTBEAT_VERSION
            );
            Err(ApiError::fields(vec![field("version", message)]))
        }
        _ => parsed,
    }
}

fn wrong(heartbeat: &Heartbeat) -> Vec<FieldError> {
    let mut words = Words::default();
    words.version("node_version", &heartbeat.node_version);
    words.moment("sent_at", heartbeat.sent_at);
    if let Some(backup) = &heartbeat.backup {
        words.backup("backup", backup);
    }
    words.moments("certificate_expires_at", heartbeat.certificate_expires_at);
    words.moments("drift.checked_at", heartbeat.drift.as_ref().map(|drift| drift.checked_at));
    words.moments("vault.rotated_at", heartbeat.vault.rotated_at);
    words.share("disk_used_percent", heartbeat.disk_used_percent);
    words.number("memory_used_mib", heartbeat.memory_used_mib);
    words.number("agent_memory_mib", heartbeat.agent_memory_mib);
    words.list("containers", heartbeat.containers.len());
    words.names("containers", heartbeat.containers.iter().map(|container| &container.name));
    words.month("tokens.period", &heartbeat.tokens.period);
    words.number("tokens.pool", heartbeat.tokens.pool);
    words.number("tokens.used", heartbeat.tokens.used);
    words.number("tokens.reserved", heartbeat.tokens.reserved);
    words.list("updates", heartbeat.updates.len());
    for (number, update) in heartbeat.updates.iter().enumerate() {
        words.update(format_args!("updates[{number}]"), update);
    }
    if let Some(drift) = &heartbeat.drift {
        words.list("drift.operations", drift.operations.len());
        words.names("drift.operations", &drift.operations);
    }
    if let Some(release) = heartbeat.openclaw.as_ref().and_then(|openclaw| openclaw.release.as_ref()) {
        words.version("openclaw.release", release);
    }
    if let Some(version) = heartbeat.openclaw.as_ref().and_then(|openclaw| openclaw.version.as_ref()) {
        words.version("openclaw.version", version);
    }
    if let Some(tool) = &heartbeat.vault.rotating {
        words.name("vault.rotating", tool);
    }
    words.recipients("vault.escrow_recipients", &heartbeat.vault.escrow_recipients);
    words.number("gate_log.entry", heartbeat.gate_log.entry);
    words.hash("gate_log.hash", &heartbeat.gate_log.hash);
    if let Some(chain) = &heartbeat.gate_chain {
        words.number("gate_chain.after.entry", chain.after.entry);
        words.hash("gate_chain.after.hash", &chain.after.hash);
        let few = chain.hashes.len() <= limits::LOG_HASHES;
        words.that(few, "gate_chain.hashes", "write at most 200 hashes");
        for (number, hash) in chain.hashes.iter().enumerate() {
            words.hash(format_args!("gate_chain.hashes[{number}]"), hash);
        }
    }
    words.wrong
}
