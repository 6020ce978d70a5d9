//! Every route of the table, asked by everybody: no answer and no line of the log holds a secret.

mod pages;
mod scanner;
mod seed;

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request, StatusCode},
};
use futures::StreamExt as _;
use letsbe_hub::{
    router::{Access, Route, routes},
    security::signature::sign,
};
use letsbe_types::{Secret, clock::Clock as _};
use serde_json::{Value, json};

use self::{
    scanner::Named,
    seed::{ESCROW, KEYS, Seeded, seeded},
};
use crate::{EMAIL, PASSWORD, STRIPE_SECRET, relay::provider, tenant_events::event};

/// Routes that answer something sealed to whom it is for.
const SEALED: [(&str, &str); 2] =
    [("/api/v1/admin/tenants/{id}/escrow", ESCROW), ("/api/v1/jobs/{id}/keys", KEYS)];
/// What ends something that others are asked with comes last.
const LAST: [&str; 8] =
    ["/tenant/models", "/register", "/revoke", "/relay-key", "/cancel", "/lost", "/actions", "/logout"];

/// All that was logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Who asks, and how it is known.
struct Caller {
    who: String,
    headers: Vec<(&'static str, String)>,
}

fn callers(route: &Route, seeded: &Seeded) -> Vec<Caller> {
    let mut callers = vec![Caller { who: "nobody".into(), headers: Vec::new() }];
    for (who, key) in &seeded.bearers {
        let headers = vec![("authorization", format!("Bearer {key}"))];
        callers.push(Caller { who: (*who).to_owned(), headers });
    }
    if route.path == "/api/v1/admin/logout" {
        // The other sessions have ended at the page's own log-out.
        let headers = vec![("authorization", format!("Bearer {}", seeded.spare))];
        callers.push(Caller { who: "staff with another session".into(), headers });
    }
    let browser = vec![
        ("cookie", format!("letsbe_session={}", seeded.browser)),
        ("accept", "text/html".to_owned()),
        ("sec-fetch-site", "same-origin".to_owned()),
    ];
    callers.push(Caller { who: "staff with a browser".into(), headers: browser });
    callers
}

/// Every path that a route has here: of each order, and of nothing that there is.
fn paths(route: &Route, seeded: &Seeded) -> BTreeSet<String> {
    let nothing = "01990000-0000-7000-8000-0000000000ff".to_owned();
    let of_id = match route.path {
        path if path.starts_with("/api/v1/jobs/") => vec![seeded.job.clone()],
        path if path.contains("/tasks/") => vec![seeded.task.clone()],
        _ => seeded.orders.iter().map(ToString::to_string).collect(),
    };
    let names = [
        ("{command}", &seeded.command),
        ("{approval}", &seeded.approval),
        ("{alarm}", &seeded.alarm),
        ("{drill}", &seeded.drill),
        ("{task}", &seeded.hub_task),
    ];
    let mut paths = BTreeSet::new();
    for id in of_id.into_iter().chain([nothing]) {
        for name in ["hub.css", "..%2ftenants-key"] {
            let path = route.path.replace("{id}", &id).replace("{name}", name).replace("{provider}", "lab");
            let path = path.replace("{code}", "HUB001");
            let path = names.iter().fold(path, |path, (name, id)| path.replace(name, id));
            assert!(!path.contains('{'), "tell this test what stands for a placeholder of {path}");
            paths.insert(path);
        }
    }
    paths
}

/// A body that the route takes. A route that is not here is asked with an empty one.
fn asked(route: &Route) -> Value {
    let path = route.path.trim_start_matches("/api/v1/");
    let events = json!({ "events": [event(9, crate::tenant_events::approval(9))] });
    match path {
        "public/orders" => crate::public::good(),
        "jobs/{id}" => crate::jobs::report(),
        "admin/login" => json!({"email": EMAIL, "password": PASSWORD}),
        "admin/orders/{id}/actions" | "admin/orders/{id}/actions/plan" => {
            json!({"action": "skip", "reason": "the customer moves it tonight"})
        }
        "admin/orders/{id}/destination" => crate::recovery::source(),
        "admin/tenants/{id}/commands" => json!({"do": "check_drift"}),
        "admin/tenants/{id}/approvals/{approval}" => json!({"approve": true}),
        "admin/tenants/{id}/drills" => json!({"kind": "monthly"}),
        "admin/tenants/{id}/recovery" | "admin/tenants/{id}/recovery/plan" => {
            json!({"reason": "it burnt", "source": crate::recovery::source()})
        }
        "tenant/register" => crate::tenant::introduction("planted"),
        "tenant/heartbeat" => crate::tenant::heartbeat(),
        "tenant/events" => events,
        _ if path.contains("{provider}") => provider::asked(json!({"input": "hello"})),
        _ => json!({}),
    }
}

fn form(route: &Route) -> &'static str {
    match route.path {
        "/login" => "email=ann%40letsbe.example&password=correct+horse+battery+staple",
        "/orders/{id}/actions" => "action=skip&reason=he+moves+it+tonight&confirm=yes",
        path if path.contains("{approval}") => "decision=refuse",
        _ => "",
    }
}

/// All that came back: status, headers and body. A live timeline says at once what there is to say.
async fn answer(seeded: &Seeded, request: Request<Body>) -> (StatusCode, String) {
    let path = request.uri().path().to_owned();
    let response = seeded.bench.hub.raw(request).await;
    let (parts, body) = response.into_parts();
    let live = parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let patience = Duration::from_millis(if live { 100 } else { 20_000 });
    let mut text = Vec::new();
    for (name, value) in &parts.headers {
        text.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
    }
    let mut pieces = body.into_data_stream();
    loop {
        match tokio::time::timeout(patience, pieces.next()).await {
            Ok(Some(piece)) => text.extend_from_slice(&piece.unwrap()),
            Ok(None) => break,
            Err(_) => {
                assert!(live, "{path} never ends");
                break;
            }
        }
    }
    (parts.status, String::from_utf8(text).unwrap())
}

/// The requests of one caller at one path: as it should be, and spoilt.
fn requests(seeded: &Seeded, route: &Route, path: &str, caller: &Caller) -> Vec<Request<Body>> {
    let is_page = !route.path.starts_with("/api/");
    let kind = if is_page { "application/x-www-form-urlencoded" } else { "application/json" };
    let good = match route.path {
        "/api/v1/webhooks/stripe" => crate::webhooks::paid("evt_of_the_scan", seeded.orders[1]),
        _ if is_page => form(route).to_owned(),
        _ => asked(route).to_string(),
    };
    let bodies = match route.method {
        Method::GET => vec![String::new()],
        _ => vec![good, "{\"x\": ".to_owned(), "{\"unheard_of\": \"x\"}".to_owned()],
    };
    let with = |body: String| {
        let mut request = Request::builder().method(route.method.clone()).uri(path);
        request = request.header("content-type", kind);
        if route.path == "/api/v1/webhooks/stripe" && caller.who == "nobody" {
            let now = seeded.bench.hub.clock.now();
            let signature = sign(body.as_bytes(), &Secret::from(STRIPE_SECRET), now);
            request = request.header("stripe-signature", signature);
        }
        for (name, value) in &caller.headers {
            request = request.header(*name, value);
        }
        request.body(Body::from(body)).unwrap()
    };
    bodies.into_iter().map(with).collect()
}

/// Whether this is what the route itself says, and not a door before it.
fn is_of_the_route(route: &Route, status: StatusCode, said: &str) -> bool {
    let doors = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS, StatusCode::UNSUPPORTED_MEDIA_TYPE];
    if status.is_server_error()
        || doors.contains(&status)
        || (said.contains("location: /login") && !said.contains("Max-Age=0"))
    {
        return false;
    }
    let is_refused = status.is_client_error();
    // What staff may not do just now is an answer, too; whatever reads, and whatever others are let in to do, works.
    let must_work = route.method == Method::GET || !matches!(route.access, Access::Staff | Access::StaffPage);
    let is_unknown = matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
    !(is_refused && (must_work || is_unknown))
}

struct Findings {
    hits: BTreeSet<String>,
    sealed: BTreeSet<String>,
    asked: usize,
}

async fn walk(seeded: &Seeded, route: &Route, found: &mut Findings) {
    let mut reached = false;
    let mut answers = Vec::new();
    for path in paths(route, seeded) {
        for caller in callers(route, seeded) {
            for mut request in requests(seeded, route, &path, &caller) {
                // Everybody comes from an address of its own: nobody is asked to wait.
                found.asked += 1;
                let address = [10, (found.asked >> 16) as u8, (found.asked >> 8) as u8, found.asked as u8];
                request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 1))));
                if path.contains("/models/lab/") {
                    seeded.provider.answers(provider::whole(1, 1));
                }
                let (status, said) = answer(seeded, request).await;
                reached |= is_of_the_route(route, status, &said);
                answers.push(format!("{} {status}", caller.who));
                for secret in seeded.secrets.iter().filter(|secret| secret.is_in(&said)) {
                    let told =
                        format!("{} {} tells {} {}", route.method, route.path, caller.who, secret.name);
                    match SEALED.contains(&(route.path, &secret.name)) {
                        true => found.sealed.insert(told),
                        false => found.hits.insert(told),
                    };
                }
            }
        }
    }
    assert!(reached, "{} {} was never reached: {answers:?}", route.method, route.path);
}

#[tokio::test]
async fn no_route_tells_anybody_a_secret_and_no_line_of_the_log_has_one() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let seeded = seeded().await;
    let mut found = Findings { hits: BTreeSet::new(), sealed: BTreeSet::new(), asked: 0 };
    let mut table = routes();
    let ends = |route: &Route| route.path.ends_with("/logout").then_some(route.path.len());
    let last =
        |route: &Route| LAST.iter().any(|end| route.path.ends_with(end)) && route.method != Method::GET;
    table.sort_by_key(|route| (ends(route), last(route), route.method != Method::GET));
    for route in &table {
        walk(&seeded, route, &mut found).await;
    }
    // What is sealed is found where it may be: the scan sees what there is to see.
    let of_staff = |hit: &str| hit.contains("tells staff") && hit.ends_with(ESCROW);
    let of_run = |hit: &str| hit.contains("tells the runner of a job") && hit.ends_with(KEYS);
    for may in [&of_staff as &dyn Fn(&str) -> bool, &of_run] {
        assert!(found.sealed.iter().any(|hit| may(hit)), "{:#?}", found.sealed);
    }
    assert!(found.sealed.iter().all(|hit| of_staff(hit) || of_run(hit)), "{:#?}", found.sealed);
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("key for models dropped"), "the log was not taken");
    let logged: Vec<&Named> = seeded.secrets.iter().filter(|secret| secret.is_in(&log)).collect();
    assert!(found.hits.is_empty() && logged.is_empty(), "{:#?}\nin the log: {logged:#?}", found.hits);
}
