//! The SCP API: servers and what is done to them.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Query, Request, State},
    http::{Method, StatusCode, header::CONTENT_TYPE},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use letsbe_netcup::types;
use letsbe_types::{DomainName, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Faults, account,
    host::{PowerCommand, System},
    media, network, policies, readings,
    server::{DISK, SimServer},
    state::{Call, Shared},
    task::{self, Work},
};

pub(super) type Sim = State<Arc<Shared>>;

/// The number of the flavour that stands for Debian 12.
const DEBIAN_12: i32 = 128;

pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let server = "/api/v1/servers/{id}";
    Router::new()
        .route("/api/ping", get(async || "OK"))
        .route("/api/v1/servers", get(list))
        .route(server, get(one).patch(change))
        .route(&format!("{server}/imageflavours"), get(flavours))
        .route(&format!("{server}/image"), post(install))
        .merge(account::routes())
        .merge(media::routes())
        .merge(network::routes())
        .merge(policies::routes())
        .merge(readings::routes())
        .fallback(async || error(404, "error.notfound", "no such operation"))
        .layer(from_fn_with_state(Arc::clone(shared), gate))
        .with_state(Arc::clone(shared))
}

/// An error as the API words it.
pub(super) fn error(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(json!({"code": code, "message": message}))).into_response()
}

/// An object of what there is; what is absent is left out, as the API does.
pub(super) fn present<const N: usize>(members: [(&str, Option<String>); N]) -> Value {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))).collect()
}

pub(super) fn invalid(field: &str, message: &str) -> Response {
    let errors = json!([{"field": field, "message": message}]);
    let body = json!({"code": "validation.error", "message": "Validation failed", "errors": errors});
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

pub(super) fn not_found() -> Response {
    error(404, "error.notfound", "Resource not found")
}

/// A task that has begun.
pub(super) fn accepted(task: types::TaskInfo) -> Response {
    (StatusCode::ACCEPTED, Json(task)).into_response()
}

/// A reply that breaks off before it arrives.
fn lost() -> Response {
    let broken =
        futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("dropped by the lab")) });
    (StatusCode::ACCEPTED, Body::from_stream(broken)).into_response()
}

/// What every call passes: the faults, the login, and the rules for writes. Every call is noted.
async fn gate(State(shared): Sim, request: Request, next: Next) -> Response {
    let content_type =
        request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let mut call = Call {
        at: shared.clock.now(),
        method: request.method().to_string(),
        path: request.uri().to_string(),
        content_type: content_type.clone(),
        status: 0,
    };
    let refused = refusal(&shared, &request, content_type.as_deref());
    let install = request.method() == Method::POST && request.uri().path().ends_with("/image");
    let mut answer = match refused {
        Some(refused) => refused,
        None => worded(next.run(request).await).await,
    };
    let mut state = shared.state();
    if install
        && answer.status() == StatusCode::ACCEPTED
        && Faults::strikes(&mut state.faults.lose_install_reply)
    {
        answer = lost();
    } else if answer.extensions().get::<Dropped>().is_none() {
        call.status = answer.status().as_u16();
    }
    state.note(call);
    answer
}

/// What axum refuses by itself it says in plain text; the API says it as every other refusal.
async fn worded(answer: Response) -> Response {
    let plain =
        answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !plain || !answer.status().is_client_error() {
        return answer;
    }
    let text = axum::body::to_bytes(answer.into_body(), 4096).await.unwrap_or_default();
    invalid("body", &String::from_utf8_lossy(&text))
}

#[derive(Clone)]
struct Dropped;

fn refusal(shared: &Shared, request: &Request, content_type: Option<&str>) -> Option<Response> {
    let mut state = shared.state();
    if Faults::strikes(&mut state.faults.drop_connection) {
        let mut dropped = lost();
        dropped.extensions_mut().insert(Dropped);
        return Some(dropped);
    }
    if state.faults.address_forbidden {
        return Some(error(403, "ip.not.allowed", "Access from this IP address is not allowed"));
    }
    if Faults::strikes(&mut state.faults.maintenance) {
        return Some(error(503, "node.maintenance", "Node is in maintenance mode"));
    }
    if Faults::strikes(&mut state.faults.busy) {
        let mut busy = error(429, "too.many.requests", "Too many requests");
        busy.headers_mut().insert("Retry-After", axum::http::HeaderValue::from_static("7"));
        return Some(busy);
    }
    if !state.logins.accepts(request.headers(), shared.clock.now()) {
        return Some(error(401, "unauthorized", "Unauthorized"));
    }
    let kind = content_type.unwrap_or_default();
    let json = kind.starts_with("application/json");
    let right = match *request.method() {
        Method::GET => return None,
        // A call without a body needs no type for it.
        Method::DELETE => json || kind.is_empty(),
        Method::PATCH if request.uri().path().contains("/failoverips/") => true,
        Method::PATCH => kind.starts_with("application/merge-patch+json"),
        _ => json,
    };
    if !right {
        return Some(error(415, "unsupported.media.type", "Unsupported media type"));
    }
    let to_server = request.uri().path().contains("/servers/") && !request.uri().path().ends_with(":dryrun");
    if to_server && Faults::strikes(&mut state.faults.locked) {
        return Some(locked());
    }
    None
}

fn locked() -> Response {
    error(409, "server.lock.error", "Server is locked by another task")
}

/// Starts a task on a server, unless another one holds it.
pub(super) fn start_task(shared: &Arc<Shared>, server: i32, work: Work) -> Response {
    let mut state = shared.state();
    if !state.servers.contains_key(&server) {
        return not_found();
    }
    if state.tasks.iter().any(|task| task.server == server && !task.is_over()) {
        return locked();
    }
    if matches!(work, Work::Install(_)) {
        *state.installs.entry(server).or_default() += 1;
    }
    accepted(task::start(shared, &mut state, server, work))
}

#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<usize>,
    offset: Option<usize>,
}

impl Page {
    pub(super) fn of<T>(&self, all: impl Iterator<Item = T>) -> Vec<T> {
        all.skip(self.offset.unwrap_or(0)).take(self.limit.unwrap_or(usize::MAX)).collect()
    }
}

#[derive(Deserialize)]
struct Search {
    name: Option<String>,
    ip: Option<String>,
    q: Option<String>,
}

impl Search {
    fn finds(&self, server: &SimServer) -> bool {
        let names = [Some(&server.name), server.hostname.as_ref(), server.nickname.as_ref()];
        let named = |part: &String| names.iter().flatten().any(|name| name.contains(part.as_str()));
        self.name.as_ref().is_none_or(|name| *name == server.name)
            && self.ip.as_ref().is_none_or(|ip| *ip == server.address.to_string())
            && self.q.as_ref().is_none_or(named)
    }
}

async fn list(State(shared): Sim, Query(page): Query<Page>, Query(search): Query<Search>) -> Response {
    let state = shared.state();
    let servers = state.servers.values().filter(|server| !state.faults.empty_pool && search.finds(server));
    Json(page.of(servers.map(SimServer::listed))).into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    load_server_live_info: Option<String>,
}

/// A boolean as clients write it: `true`, `True`, `1`. `None` for another word.
fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

async fn one(State(shared): Sim, Path(id): Path<i32>, Query(detail): Query<Detail>) -> Response {
    let Some(live) = boolean(detail.load_server_live_info.as_deref().unwrap_or("true")) else {
        return error(400, "parameter.invalid", "loadServerLiveInfo must be true or false");
    };
    let state = shared.state();
    let snapshots = state.snapshots.get(&id).map_or(0, Vec::len);
    let Some(server) = state.servers.get(&id) else { return not_found() };
    let mut detail = json!(server.detailed(live, snapshots));
    // The description demands a name of a site, though it describes none.
    detail["site"]["name"] = server.city.clone().into();
    Json(detail).into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PowerOption {
    state_option: Option<String>,
}

async fn change(
    State(shared): Sim,
    Path(id): Path<i32>,
    Query(option): Query<PowerOption>,
    Json(patch): Json<serde_json::Map<String, Value>>,
) -> Response {
    if patch.len() != 1 {
        return error(400, "patch.invalid", "Only one attribute at a time");
    }
    if let Some(state) = patch.get("state") {
        let command = match (state.as_str(), option.state_option.as_deref()) {
            (Some("ON"), None | Some("")) => PowerCommand::On,
            (Some("ON"), Some("RESET" | "POWERCYCLE")) => PowerCommand::Reset,
            (Some("OFF"), None | Some("")) => PowerCommand::Off,
            (Some("OFF"), Some("POWEROFF")) => PowerCommand::HardOff,
            _ => return invalid("state", "unknown state or option"),
        };
        return start_task(&shared, id, Work::Power(command));
    }
    let mut state = shared.state();
    let Some(server) = state.servers.get_mut(&id) else { return not_found() };
    let text = |name: &str| patch.get(name).map(|value| value.as_str().map(str::to_owned));
    let settings = [
        "autostart",
        "bootorder",
        "os_optimization",
        "cpuTopology",
        "uefi",
        "keyboardLayout",
        "rootPassword",
    ];
    match (text("hostname"), text("nickname")) {
        (None, None) if settings.iter().any(|name| patch.contains_key(*name)) => {
            drop(state);
            return start_task(&shared, id, Work::Setting);
        }
        (Some(hostname), _) => server.hostname = hostname,
        (_, Some(nickname)) => server.nickname = nickname,
        _ => return error(400, "patch.invalid", "Unknown attribute"),
    }
    StatusCode::OK.into_response()
}

async fn flavours(State(shared): Sim, Path(id): Path<i32>) -> Response {
    if !shared.state().servers.contains_key(&id) {
        return not_found();
    }
    let offered =
        [(127, "Debian 11", "minimal"), (DEBIAN_12, "Debian 12", "minimal"), (129, "Debian 12", "LAMP")];
    let flavours = offered.map(|(id, image, name)| types::ImageFlavour {
        id: Some(id),
        name: name.into(),
        alias: name.to_lowercase(),
        text: format!("{image}, {name}"),
        image: Some(types::ImageMinimal { id: Some(id), name: image.into() }),
    });
    Json(flavours).into_response()
}

async fn install(
    State(shared): Sim,
    Path(id): Path<i32>,
    Json(setup): Json<types::ServerImageSetup>,
) -> Response {
    if setup.image_flavour_id != Some(DEBIAN_12) {
        return invalid("imageFlavourId", "the lab installs Debian 12 minimal only");
    }
    if setup.disk_name.as_deref() != Some(DISK) {
        return invalid("diskName", "Disk not found");
    }
    let Some(hostname) = setup.hostname.filter(|name| name.parse::<DomainName>().is_ok()) else {
        return invalid("hostname", "no valid host name");
    };
    let ids = setup.ssh_key_ids.unwrap_or_default();
    let keys: Vec<_> = {
        let state = shared.state();
        let known = state.ssh_keys.iter().filter(|key| key.id.is_some_and(|id| ids.contains(&id)));
        known.map(|key| key.key.clone()).collect()
    };
    if keys.len() != ids.len() {
        return invalid("sshKeyIds", "SSH key not found");
    }
    let script = setup.custom_script.map(Secret::new);
    start_task(&shared, id, Work::Install(System { hostname, keys, script }))
}
