//! Netcup's own description of the API against the simulation: every documented operation is there, and what it answers
//! has the documented form.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Bench, KEY};

const DESCRIPTION: &str = include_str!("../../../../../hub-side/netcup/spec/scp-openapi.json");

/// Calls as a client of no particular make sends them: no generated types, headers by hand.
struct Caller {
    http: reqwest::Client,
    bench: Bench,
    token: String,
}

impl Caller {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let http = reqwest::Client::new();
        let refresh = bench.sim.login();
        let form =
            [("client_id", "scp"), ("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
        let url = format!("{}/protocol/openid-connect/token", bench.sim.realm_url());
        let granted = http.post(url).form(&form).send().await.expect("sent");
        let granted: Value = granted.json().await.expect("JSON");
        let token = granted["access_token"].as_str().expect("a token").to_owned();
        Self { http, bench, token }
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.bench.sim.api_url());
        let mut request = self.http.request(method.clone(), url).bearer_auth(&self.token);
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        if let Some(body) = body {
            request = request.header("Content-Type", kind).body(body.to_string());
        } else if method != Method::GET && method != Method::DELETE {
            request = request.header("Content-Type", kind);
        }
        let answer = request.send().await.expect("sent");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None).await
    }
}

/// The parts of a path filled in: with what is there, or with what is not.
fn filled(path: &str, present: bool) -> String {
    let known = [
        ("{serverId}", "1"),
        ("{userId}", "4711"),
        ("{mac}", "52:54:00:00:00:01"),
        ("{diskName}", "vda"),
        ("{ip}", "198.51.100.1"),
        ("{name}", "before"),
        ("{uuid}", "TASK"),
    ];
    let absent = [("{serverId}", "99"), ("{userId}", "99"), ("{ip}", "not-an-ip"), ("{uuid}", "none")];
    let mut path = path.to_owned();
    for (part, value) in if present { known.as_slice() } else { absent.as_slice() } {
        path = path.replace(part, value);
    }
    for part in ["{id}", "{key}", "{uploadId}", "{partNumber}", "{vlanId}", "{name}", "{mac}", "{diskName}"] {
        path = path.replace(part, "7");
    }
    path
}

/// Each schema, so that a validator finds what another one points to.
fn validator(description: &Value, schema: &Value) -> jsonschema::Validator {
    let mut whole = schema.clone();
    whole["components"] = description["components"].clone();
    jsonschema::options().build(&whole).expect("a schema")
}

/// The documented answer's form. Absent members are absent, as the API leaves out what is null.
fn faults(description: &Value, operation: &Value, status: StatusCode, body: &Value) -> Vec<String> {
    // What any operation may answer, whatever the description lists.
    if [400, 401, 404, 409, 415, 422].contains(&status.as_u16()) && body["code"].is_string() {
        return Vec::new();
    }
    let documented = &operation["responses"][status.as_str()];
    if documented.is_null() {
        return vec![format!("{status} is not documented: {body}")];
    }
    if status == StatusCode::NO_CONTENT {
        return Vec::new();
    }
    let Some(schema) = documented.pointer("/content/application~1json/schema") else { return Vec::new() };
    validator(description, schema).iter_errors(body).map(|fault| format!("{fault} in {body}")).collect()
}

#[tokio::test]
async fn every_documented_operation_answers_in_a_documented_form() {
    let caller = Caller::new().await;
    let description: Value = serde_json::from_str(DESCRIPTION).expect("JSON");
    let snapshot = json!({"name": "before", "onlineSnapshot": true});
    let (status, task) = caller.call(Method::POST, "/api/v1/servers/1/snapshots", Some(&snapshot)).await;
    assert_eq!(status, 202);
    caller.bench.sim.settled().await;
    let task = task["uuid"].as_str().expect("a task").to_owned();
    let (mut operations, mut found) = (0, Vec::new());
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
            let Some(method) = known.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(method))
            else {
                continue;
            };
            if method == Method::DELETE && path.ends_with("/snapshots/{name}") {
                continue;
            }
            operations += 1;
            for present in [true, false] {
                let path = filled(path, present).replace("TASK", &task);
                let body = (method != Method::GET).then(|| json!({}));
                let (status, answer) = caller.call(method.clone(), &path, body.as_ref()).await;
                let what = format!("{method} {path}");
                if status == StatusCode::METHOD_NOT_ALLOWED || answer["message"] == "no such operation" {
                    found.push(format!("{what}: there is no such operation"));
                }
                let has_a_task = status == 202;
                let without = ["/7", "/gpu-driver", "/rdns/ipv6"];
                let there = present && !without.iter().any(|part| path.contains(part));
                if method == Method::GET && there && status != StatusCode::OK {
                    found.push(format!("{what}: {status} {answer}"));
                }
                let faults = faults(&description, operation, status, &answer);
                found.extend(faults.into_iter().map(|fault| format!("{what}: {fault}")));
                if has_a_task {
                    caller.bench.sim.settled().await;
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(operations > 80, "only {operations} operations were tried");
}

#[tokio::test]
async fn lists_are_filtered_as_they_are_asked_to_be() {
    let caller = Caller::new().await;
    let ids = async |path: &str| {
        let (status, list) = caller.get(path).await;
        assert_eq!(status, 200, "{path}");
        list.as_array().expect("a list").iter().map(|one| one["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids("/api/v1/servers?ip=198.51.100.2").await, [2]);
    assert_eq!(ids("/api/v1/servers?name=v2202611123400000001").await, [1]);
    assert_eq!(ids("/api/v1/servers?q=luckysrv&limit=1&offset=1").await, [2]);
    assert!(ids("/api/v1/servers?ip=203.0.113.1").await.is_empty());
    for word in ["True", "false", "1"] {
        let path = format!("/api/v1/servers/1?loadServerLiveInfo={word}");
        assert_eq!(caller.get(&path).await.0, 200, "{word}");
    }
    let (status, refused) = caller.get("/api/v1/servers/1?loadServerLiveInfo=perhaps").await;
    assert!(status == 400 && refused["code"] == "parameter.invalid", "{refused}");

    caller.bench.sim.faults(|faults| faults.end_next_task = Some("ERROR".into()));
    caller.call(Method::POST, "/api/v1/servers/1/rescuesystem", None).await;
    caller.bench.sim.settled().await;
    caller.call(Method::POST, "/api/v1/servers/1/rescuesystem", None).await;
    caller.bench.sim.settled().await;
    let (_, failed) = caller.get("/api/v1/tasks?state=ERROR").await;
    assert_eq!(failed.as_array().map(Vec::len), Some(1), "{failed}");
    assert_eq!(caller.get("/api/v1/tasks?state=SLEEPING").await.0, 400);
    let (_, logs) = caller.get("/api/v1/servers/1/logs").await;
    let kinds: Vec<_> = logs.as_array().expect("a list").iter().map(|log| log["type"].clone()).collect();
    assert_eq!(kinds, ["INFO", "ERROR"], "newest first");
}

#[tokio::test]
async fn wrong_input_is_refused_by_its_field() {
    let caller = Caller::new().await;
    let key = |line: &str| json!({"name": "k", "key": line});
    let broken = KEY.replace("AAAAC3", "AAAAB3");
    let rules = |protocol: &str| json!([{"direction": "INGRESS", "protocol": protocol, "action": "DROP"}]);
    let cases = [
        ("/api/v1/users/4711/ssh-keys", key(&broken), "key"),
        ("/api/v1/users/4711/ssh-keys", key("ssh-ed25519 no"), "key"),
        ("/api/v1/rdns/ipv4", json!({"ip": "not-an-ip", "rdns": "a.example"}), "ip"),
        ("/api/v1/rdns/ipv4", json!({"ip": "203.0.113.9", "rdns": "a.example"}), "ip"),
        ("/api/v1/rdns/ipv4", json!({"ip": "198.51.100.1", "rdns": "not a name"}), "rdns"),
        ("/api/v1/users/4711/firewall-policies", json!({"name": " ", "rules": []}), "name"),
        (
            "/api/v1/users/4711/firewall-policies",
            json!({"name": "x", "rules": rules("SCTP")}),
            "rules.protocol",
        ),
    ];
    for (path, body, field) in cases {
        let (status, refused) = caller.call(Method::POST, path, Some(&body)).await;
        assert!(status == 422 && refused["errors"][0]["field"] == field, "{path} {body}: {status} {refused}");
    }
    assert_eq!(caller.call(Method::POST, "/api/v1/users/4711/ssh-keys", Some(&key(KEY))).await.0, 201);
}

#[tokio::test]
async fn an_offline_snapshot_needs_a_disk_in_the_dry_run_too() {
    let caller = Caller::new().await;
    let offline = json!({"name": "a", "onlineSnapshot": false});
    let (_, against) = caller.call(Method::POST, "/api/v1/servers/1/snapshots:dryrun", Some(&offline)).await;
    assert_eq!(against.as_array().map(Vec::len), Some(1), "{against}");
    assert_eq!(caller.call(Method::POST, "/api/v1/servers/1/snapshots", Some(&offline)).await.0, 400);
    let of_disk = json!({"name": "a", "onlineSnapshot": false, "diskName": "vda"});
    let (_, against) = caller.call(Method::POST, "/api/v1/servers/1/snapshots:dryrun", Some(&of_disk)).await;
    assert_eq!(against, json!([]));
    assert_eq!(caller.call(Method::POST, "/api/v1/servers/1/snapshots", Some(&of_disk)).await.0, 202);
}

#[tokio::test]
async fn a_task_that_is_canceled_touches_no_server() {
    let caller = Caller::new().await;
    caller.bench.sim.faults(|faults| faults.hold_tasks = true);
    let off = json!({"state": "OFF"});
    let (_, task) = caller.call(Method::PATCH, "/api/v1/servers/1", Some(&off)).await;
    let uuid = task["uuid"].as_str().expect("a task").to_owned();
    let cancel = format!("/api/v1/tasks/{uuid}:cancel");
    let (status, waiting) = caller.call(Method::PUT, &cancel, None).await;
    assert!(status == 202 && waiting["state"] == "WAITING_FOR_CANCEL", "{status} {waiting}");
    caller.bench.sim.faults(|faults| faults.hold_tasks = false);
    caller.bench.sim.settled().await;
    let (_, ended) = caller.get(&format!("/api/v1/tasks/{uuid}")).await;
    assert_eq!(ended["state"], "CANCELED");
    assert!(caller.bench.hosts.done().is_empty(), "{:?}", caller.bench.hosts.done());
    assert_eq!(caller.call(Method::PUT, &cancel, None).await.0, 204);
}

#[tokio::test]
async fn a_policy_that_a_firewall_uses_stays() {
    let caller = Caller::new().await;
    let policies = "/api/v1/users/4711/firewall-policies";
    let rules =
        json!([{"direction": "INGRESS", "protocol": "TCP", "action": "DROP", "destinationPorts": "80"}]);
    let wanted = json!({"name": "closed", "rules": rules});
    let (status, policy) = caller.call(Method::POST, policies, Some(&wanted)).await;
    assert_eq!(status, 201);
    assert_eq!(caller.call(Method::POST, policies, Some(&wanted)).await.0, 400, "the name is taken");
    let firewall = "/api/v1/servers/1/interfaces/52:54:00:00:00:01/firewall";
    let save = |ids: Value| json!({"active": true, "copiedPolicies": [], "userPolicies": ids});
    assert_eq!(caller.call(Method::PUT, firewall, Some(&save(json!([{"id": 99}])))).await.0, 422);
    let used = save(json!([{"id": policy["id"]}]));
    assert_eq!(caller.call(Method::PUT, firewall, Some(&used)).await.0, 202);
    caller.bench.sim.settled().await;
    let (_, now) = caller.get(firewall).await;
    assert_eq!(now["userPolicies"][0]["name"], "closed");
    let one = format!("{policies}/{}", policy["id"]);
    assert_eq!(caller.call(Method::DELETE, &one, None).await.0, 422);
    assert_eq!(caller.call(Method::PUT, firewall, Some(&save(json!([])))).await.0, 202);
    caller.bench.sim.settled().await;
    assert_eq!(caller.call(Method::DELETE, &one, None).await.0, 204);
}
