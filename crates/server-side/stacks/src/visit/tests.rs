//! Tools that answer as the real ones do, with and without somebody who was there first.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{delete, get, post, put},
};
use letsbe_catalog::Tool;
use letsbe_types::Secret;
use serde_json::{Value, json};

use super::{Past, Proof, Values, Visit};
use crate::tests::{catalog, deployment};

const OWNER: (&str, &str) = ("owner@example.com", "the-vaults-password");
const STRANGER: (&str, &str) = ("mallory@evil.example", "her-own");

/// Accounts of one tool, and what was asked of it.
#[derive(Default)]
struct Accounts {
    users: Vec<(String, String)>,
    role: &'static str,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Accounts>>;

/// What takes Ghost's first content away.
const FIRST_CONTENT: [&str; 2] =
    ["PUT /ghost/api/admin/settings/", "DELETE /ghost/api/admin/posts/?filter=slug:coming-soon"];

fn accounts(users: &[(&str, &str)]) -> Shared {
    let users = users.iter().map(|(name, password)| ((*name).to_owned(), (*password).to_owned())).collect();
    Arc::new(Mutex::new(Accounts { users, role: "Owner", asked: Vec::new() }))
}

/// A tool of the catalog, with the port of what plays it.
async fn tool(name: &str, router: Router) -> Tool {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut tool = catalog().tools().find(|tool| tool.name.as_str() == name).expect("in the catalog").clone();
    tool.setup.as_mut().expect("a set-up").port = port;
    tool
}

fn values() -> Values {
    [("admin_password".to_owned(), Secret::from(OWNER.1))].into()
}

async fn settle(tool: &Tool, past: Past) -> Result<Proof, String> {
    let deployment = deployment();
    let visit = Visit::new(&deployment, tool, values()).expect("a set-up");
    let fresh = visit.is_fresh().await.expect("it speaks");
    visit.settle(fresh, past).await.map_err(|problem| {
        assert!(!problem.message.contains(OWNER.1), "no password is told: {problem}");
        problem.code
    })
}

/// Ghost's set-up and session, as its API answers.
fn ghost(shared: &Shared) -> Router {
    let status = |State(shared): State<Shared>| async move {
        let set_up = !shared.lock().expect("no panic").users.is_empty();
        Json(json!({ "setup": [{ "status": set_up }] }))
    };
    let set_up = |State(shared): State<Shared>, Json(body): Json<Value>| async move {
        let mut accounts = shared.lock().expect("no panic");
        accounts.asked.push("setup".to_owned());
        if !accounts.users.is_empty() {
            return StatusCode::FORBIDDEN;
        }
        let text = |name: &str| body["setup"][0][name].as_str().unwrap_or_default().to_owned();
        accounts.users.push((text("email"), text("password")));
        StatusCode::CREATED
    };
    let log_in = |State(shared): State<Shared>, headers: HeaderMap, Json(body): Json<Value>| async move {
        let mut accounts = shared.lock().expect("no panic");
        accounts.asked.push("session".to_owned());
        let origin = headers.get("origin").is_some_and(|origin| origin == "https://blog.example.com");
        let given = ["username", "password"].map(|name| body[name].as_str().unwrap_or_default().to_owned());
        let known = accounts.users.iter().any(|(name, password)| [name, password] == [&given[0], &given[1]]);
        match (origin, known) {
            (true, true) => (
                StatusCode::CREATED,
                [(header::SET_COOKIE, "ghost-admin-api-session=s1; Path=/ghost; HttpOnly")],
            )
                .into_response(),
            (false, _) => StatusCode::BAD_REQUEST.into_response(),
            (true, false) => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        }
    };
    let me = |State(shared): State<Shared>, headers: HeaderMap| async move {
        let role = shared.lock().expect("no panic").role;
        let known = headers.get("cookie").is_some_and(|cookie| cookie == "ghost-admin-api-session=s1");
        let body = Json(json!({ "users": [{ "roles": [{ "name": role }] }] }));
        if known { body.into_response() } else { StatusCode::FORBIDDEN.into_response() }
    };
    let first_content = |State(shared): State<Shared>, headers: HeaderMap, request: Request| async move {
        let known = headers.get("cookie").is_some_and(|cookie| cookie == "ghost-admin-api-session=s1");
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        shared.lock().expect("no panic").asked.push(format!("{} {path}", request.method()));
        if known { StatusCode::OK } else { StatusCode::FORBIDDEN }
    };
    Router::new()
        .route("/ghost/api/admin/authentication/setup/", get(status).post(set_up))
        .route("/ghost/api/admin/session/", post(log_in))
        .route("/ghost/api/admin/settings/", put(first_content))
        .route("/ghost/api/admin/posts/", delete(first_content))
        .route("/ghost/api/admin/users/me/", get(me))
        .with_state(Arc::clone(shared))
}

fn asked(shared: &Shared, what: &str) -> usize {
    shared.lock().expect("no panic").asked.iter().filter(|asked| *asked == what).count()
}

#[tokio::test]
async fn a_fresh_tool_gets_its_owner_and_his_log_in_is_seen() {
    let shared = accounts(&[]);
    let tool = tool("ghost", ghost(&shared)).await;
    assert_eq!(settle(&tool, Past::Unknown).await, Ok(Proof::LoggedIn));
    let users = shared.lock().expect("no panic").users.clone();
    assert_eq!(users, [(OWNER.0.to_owned(), OWNER.1.to_owned())]);
    // A run that was killed before it wrote that down sends the set-up only once.
    assert_eq!(settle(&tool, Past::Unknown).await, Ok(Proof::LoggedIn));
    assert_eq!(asked(&shared, "setup"), 1);
    // What the tool shows at first comes from nowhere else.
    assert_eq!(FIRST_CONTENT.map(|first| asked(&shared, first)), [1, 1]);
}

#[tokio::test]
async fn a_set_up_that_was_cut_off_after_its_first_request_is_finished_and_nobody_elses_is() {
    // The blog of an owner who lives in it, or of one that was brought back, stays as he has made it.
    for (past, wanted) in [(Past::Begun, [1, 1]), (Past::Unknown, [0, 0]), (Past::Restored, [0, 0])] {
        let shared = accounts(&[]);
        let tool = tool("ghost", ghost(&shared)).await;
        let deployment = deployment();
        let visit = Visit::new(&deployment, &tool, values()).expect("a set-up");
        let first = &visit.setup.requests[..1];
        assert!(visit.say(first).await.expect("it speaks").is_ok());
        assert_eq!(settle(&tool, past).await, Ok(Proof::LoggedIn), "{past:?}");
        assert_eq!(FIRST_CONTENT.map(|first| asked(&shared, first)), wanted, "{past:?}");
        assert_eq!(asked(&shared, "setup"), 1, "{past:?}");
    }
}

#[tokio::test]
async fn a_tool_that_a_stranger_has_set_up_is_not_ours() {
    let shared = accounts(&[STRANGER]);
    let tool = tool("ghost", ghost(&shared)).await;
    assert_eq!(settle(&tool, Past::Unknown).await, Err("NODE100".to_owned()));
    assert_eq!(asked(&shared, "setup"), 0, "nothing was changed");
    // Ghost locks an account after some refusals.
    assert!(asked(&shared, "session") <= 3, "he is not locked out of it");
}

#[tokio::test]
async fn an_account_of_his_that_is_not_the_owners_is_not_enough() {
    let shared = accounts(&[STRANGER, OWNER]);
    shared.lock().expect("no panic").role = "Contributor";
    let tool = tool("ghost", ghost(&shared)).await;
    assert_eq!(settle(&tool, Past::Unknown).await, Err("NODE100".to_owned()));
}

#[tokio::test]
async fn data_that_was_brought_back_keeps_the_password_that_its_owner_chose() {
    let shared = accounts(&[(OWNER.0, "chosen-by-himself")]);
    let tool = tool("ghost", ghost(&shared)).await;
    assert_eq!(settle(&tool, Past::Restored).await, Ok(Proof::Restored));
    assert_eq!(asked(&shared, "setup"), 0, "nothing was changed");
    // Of data without an account there is nothing to keep.
    let empty = accounts(&[]);
    let tool = self::tool("ghost", ghost(&empty)).await;
    assert_eq!(settle(&tool, Past::Restored).await, Ok(Proof::LoggedIn));
}

/// WordPress' installer and log-in.
fn wordpress(shared: &Shared) -> Router {
    async fn answer(State(shared): State<Shared>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(Body::new(body), 1 << 16).await.expect("a body");
        let form: Vec<(String, String)> = serde_urlencoded(&body);
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
        let mut accounts = shared.lock().expect("no panic");
        let query = parts.uri.query().unwrap_or_default();
        let cookie = parts.headers.get("cookie").is_some_and(|cookie| cookie == "wordpress_logged_in=c1");
        match (parts.method.as_str(), parts.uri.path(), accounts.users.is_empty()) {
            ("GET", "/wp-admin/install.php", true) => "<input name=\"weblog_title\">".into_response(),
            (_, "/wp-admin/install.php", false) => "<h1>Already Installed</h1>".into_response(),
            ("POST", "/wp-admin/install.php", true) if query == "step=2" => {
                let user = (field("admin_email").to_owned(), field("admin_password").to_owned());
                // It says so too when it could make no user.
                if field("user_name") == "owner" {
                    accounts.users.push(user);
                }
                "Success! <a href=\"wp-login.php\">".into_response()
            }
            ("POST", "/wp-login.php", false) => {
                let known = accounts.users.iter().any(|(name, password)| {
                    (name.as_str(), password.as_str()) == (field("log"), field("pwd"))
                });
                let found = [(header::SET_COOKIE, "wordpress_logged_in=c1; path=/"), (header::LOCATION, "/")];
                if known { (StatusCode::FOUND, found).into_response() } else { "Error".into_response() }
            }
            ("GET", "/wp-admin/users.php", false) if cookie => "Users".into_response(),
            _ => (StatusCode::FOUND, [(header::LOCATION, "/wp-admin/install.php")]).into_response(),
        }
    }
    Router::new().fallback(answer).with_state(Arc::clone(shared))
}

/// The pairs of a form.
fn serde_urlencoded(body: &[u8]) -> Vec<(String, String)> {
    let url = format!("http://x/?{}", String::from_utf8_lossy(body));
    let url = reqwest::Url::parse(&url).expect("a form");
    url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

#[tokio::test]
async fn wordpress_is_ours_only_if_our_administrator_logs_in() {
    let fresh = accounts(&[]);
    let ours = tool("wordpress", wordpress(&fresh)).await;
    assert_eq!(settle(&ours, Past::Unknown).await, Ok(Proof::LoggedIn));
    let taken = accounts(&[STRANGER]);
    let theirs = tool("wordpress", wordpress(&taken)).await;
    assert_eq!(settle(&theirs, Past::Unknown).await, Err("NODE100".to_owned()));
}

/// Uptime Kuma's socket.io over long polling, with the events that it sends of its own.
fn uptime_kuma(shared: &Shared) -> Router {
    #[derive(Default)]
    struct Line {
        waiting: Vec<String>,
        joined: bool,
    }
    type Both = (Shared, Arc<Mutex<Line>>);
    async fn poll(State((_, line)): State<Both>, request: Request) -> String {
        if !request.uri().query().unwrap_or_default().contains("sid=L1") {
            *line.lock().expect("no panic") = Line::default();
            return "0{\"sid\":\"L1\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000}".to_owned();
        }
        let mut line = line.lock().expect("no panic");
        // One packet of its own comes first, as a rule.
        if line.waiting.is_empty() { "6".to_owned() } else { line.waiting.remove(0) }
    }
    async fn say(State((shared, line)): State<Both>, body: String) -> (StatusCode, &'static str) {
        let (mut accounts, mut line) = (shared.lock().expect("no panic"), line.lock().expect("no panic"));
        match body.as_str() {
            "40" => {
                line.joined = true;
                line.waiting.push("2".to_owned());
                line.waiting.push("40{\"sid\":\"N1\"}\u{1e}42[\"info\",{\"version\":\"1.23\"}]".to_owned());
            }
            "3" | "1" => {}
            event if event.starts_with("420") && line.joined => {
                let event: Vec<Value> = serde_json::from_str(&event[3..]).expect("an event");
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let answer = match event[0].as_str() {
                    Some("needSetup") => json!([accounts.users.is_empty()]),
                    Some("setup") if accounts.users.is_empty() => {
                        accounts.users.push((text(&event[1]), text(&event[2])));
                        json!([{ "ok": true, "msg": "successAdded" }])
                    }
                    Some("setup") => {
                        json!([{ "ok": false, "msg": "Uptime Kuma has been initialized." }])
                    }
                    Some("login") => {
                        let given = (text(&event[1]["username"]), text(&event[1]["password"]));
                        let known = accounts.users.contains(&given);
                        json!([{ "ok": known }])
                    }
                    _ => return (StatusCode::BAD_REQUEST, "unknown"),
                };
                line.waiting.push("42[\"loginRequired\"]".to_owned());
                line.waiting.push(format!("42[\"info\",{{}}]\u{1e}430{answer}"));
            }
            _ => return (StatusCode::BAD_REQUEST, "bad packet"),
        }
        (StatusCode::OK, "ok")
    }
    let state: Both = (Arc::clone(shared), Arc::default());
    Router::new().route("/socket.io/", get(poll).post(say)).with_state(state)
}

#[tokio::test]
async fn the_first_visitor_of_uptime_kuma_is_the_customer() {
    let fresh = accounts(&[]);
    let ours = tool("uptime-kuma", uptime_kuma(&fresh)).await;
    assert_eq!(settle(&ours, Past::Unknown).await, Ok(Proof::LoggedIn));
    assert_eq!(fresh.lock().expect("no panic").users, [(OWNER.0.to_owned(), OWNER.1.to_owned())]);
    let taken = accounts(&[STRANGER]);
    let theirs = tool("uptime-kuma", uptime_kuma(&taken)).await;
    assert_eq!(settle(&theirs, Past::Unknown).await, Err("NODE100".to_owned()));
}
