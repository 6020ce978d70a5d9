//! The model endpoints.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{Proxy, Served, body, place};
use crate::{
    limits::{LONG_BODY_BYTES, REQUEST_BYTES},
    link::InForce,
    models::{Form, Held, Wish, readable},
    refusal::{Refusal, UNKNOWN_MODEL, WRONG_KEY},
};

pub(super) async fn chat(State(Proxy(served)): State<Proxy>, request: Request) -> Result<Response, Refusal> {
    ask(&served, Form::Chat, request).await
}

pub(super) async fn responses(
    State(Proxy(served)): State<Proxy>,
    request: Request,
) -> Result<Response, Refusal> {
    ask(&served, Form::Responses, request).await
}

pub(super) async fn embeddings(
    State(Proxy(served)): State<Proxy>,
    request: Request,
) -> Result<Response, Refusal> {
    ask(&served, Form::Embeddings, request).await
}

/// The models that there are.
pub(super) async fn list(
    State(Proxy(served)): State<Proxy>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let in_force = known_caller(&served, &headers).await?;
    let models: Vec<Value> = in_force.models.iter().map(|model| described(&model.name)).collect();
    Ok(Json(json!({ "object": "list", "data": models })))
}

/// One model.
pub(super) async fn show(
    State(Proxy(served)): State<Proxy>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let in_force = known_caller(&served, &headers).await?;
    let unknown =
        || Refusal::new(StatusCode::NOT_FOUND, UNKNOWN_MODEL, "there is no such model here").about("model");
    in_force.model(&name).map(|model| Json(described(&model.name))).ok_or_else(unknown)
}

fn described(name: &str) -> Value {
    json!({ "id": name, "object": "model", "created": 0, "owned_by": "letsbe" })
}

async fn ask(served: &Served, form: Form, request: Request) -> Result<Response, Refusal> {
    let patience = &served.asker.patience;
    let (parts, incoming) = request.into_parts();
    known_caller(served, &parts.headers).await?;
    body::must_be_json(&parts.headers)?;
    let announced = body::announced(&incoming, REQUEST_BYTES)?;
    let turn = place(&served.model_requests, 1, patience.agent).await?;
    let room = place(&served.bodies, announced.div_ceil(1024), patience.agent).await?;
    let body = body::read(incoming, REQUEST_BYTES, patience.caller).await?;
    // Looked up after the body has arrived: whatever it can hold was in force or nowhere before.
    let in_force = served.asker.link.in_force(patience.agent).await.ok_or_else(Refusal::no_agent)?;
    let wish = understood(form, body, &in_force).await?;
    let mut closing = served.asker.closing.clone();
    tokio::select! {
        answer = served.asker.answer(&in_force, wish, Held { turn, room }) => answer,
        () = closing.closed() => Err(Refusal::too_many()),
    }
}

/// What a body asks for. A long one is read on a thread of its own.
async fn understood(form: Form, body: Vec<u8>, in_force: &Arc<InForce>) -> Result<Wish, Refusal> {
    let in_force = Arc::clone(in_force);
    let is_long = body.len() >= LONG_BODY_BYTES;
    let read = move || {
        let most = |name: &str| in_force.model(name).map(|model| model.output_tokens_max);
        Wish::read(form, &readable(body), most)
    };
    if !is_long {
        return read();
    }
    let unread = |_| Refusal::bad_body("the body could not be read");
    tokio::task::spawn_blocking(read).await.map_err(unread)?
}

/// The secrets in force, if this is the AI runtime.
async fn known_caller(served: &Served, headers: &HeaderMap) -> Result<Arc<InForce>, Refusal> {
    let patience = served.asker.patience.agent;
    let in_force = served.asker.link.in_force(patience).await.ok_or_else(Refusal::no_agent)?;
    let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    // The scheme's name has no case (RFC 9110, 11.1).
    let key =
        said.and_then(|said| said.split_once(' ')).filter(|(how, _)| how.eq_ignore_ascii_case("bearer"));
    if key.is_some_and(|(_, key)| in_force.is_client_key(key.trim().as_bytes())) {
        return Ok(in_force);
    }
    Err(Refusal::new(StatusCode::UNAUTHORIZED, WRONG_KEY, "this is not the AI runtime's key"))
}
