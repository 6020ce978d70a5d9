//! A Hub that holds every kind of secret that there is, and everybody who may knock at its doors.

use letsbe_types::ids::OrderId;
use serde_json::{Value, json};

use super::scanner::Named;
use crate::{
    Hub, PASSWORD, STRIPE_SECRET, ask,
    escrows::sealed_keys,
    recovery::{self, bench},
    relay::provider::{self, PROVIDER_KEY},
    tenant::{HEARTBEAT, heartbeat},
    tenant_events::{approval, event, send},
};

/// Columns whose names sound like secrets and hold none.
const NO_SECRETS: [&str; 11] = [
    "backup_destinations.access_key_id",
    "gate_heads.hash",
    "orders.host_key",
    "recoveries.lost_host_key",
    "tenant_configurations.token_pool",
    "tenant_rollups.tokens_used",
    "tenant_standings.tokens_differ",
    "tenant_states.gate_hash",
    "timeline.once_key",
    "recovery_runs.recipient",
    "backup_proofs.evidence",
];
const SOUNDS_LIKE_A_SECRET: [&str; 7] = ["hash", "token", "secret", "sealed", "password", "key", "private"];
/// Sealed for somebody else: whoever may have it gets it at its own route.
pub(super) const ESCROW: &str = "tenant_escrows.sealed";
pub(super) const KEYS: &str = "recovery_runs.sealed";

/// The Hub, its secrets, and what stands for the placeholders of paths.
pub(super) struct Seeded {
    pub(super) bench: bench::Bench,
    pub(super) provider: provider::Provider,
    pub(super) secrets: Vec<Named>,
    /// A tenant that asks models, one that is checked out only, and one that is being brought back.
    pub(super) orders: [OrderId; 3],
    pub(super) job: String,
    pub(super) command: String,
    pub(super) alarm: String,
    pub(super) drill: String,
    pub(super) task: String,
    pub(super) hub_task: String,
    pub(super) approval: String,
    /// A session of staff in a browser.
    pub(super) browser: String,
    /// A third session of staff.
    pub(super) spare: String,
    pub(super) bearers: Vec<(&'static str, String)>,
    _relay: tempfile::TempDir,
}

async fn staff_session(hub: &Hub) -> String {
    let login = json!({"email": crate::EMAIL, "password": PASSWORD});
    let login = hub.json("POST", "/api/v1/admin/login", None, &login).await;
    login.json()["data"]["token"].as_str().unwrap().to_owned()
}

async fn staff_asks(bench: &bench::Bench, method: &str, path: &str, body: Value) -> Value {
    let answer = bench.hub.json(method, path, Some(&bench.staff), &body).await;
    assert!(answer.status.is_success(), "{path}: {answer:?}");
    answer.json()["data"].clone()
}

/// What a server tells, so that each kind of page has something to show.
async fn told_by_servers(bench: &bench::Bench, tenant: OrderId, agent: &str) -> String {
    let heard = bench.hub.json("POST", HEARTBEAT, Some(agent), &heartbeat()).await;
    assert_eq!(heard.status, 200, "{heard:?}");
    let sealed = sealed_keys(1);
    let escrowed = |sealed: &str| json!({"kind": "escrowed", "sealed": sealed, "recipients": ["age1first"], "fingerprint": "aa".repeat(32)});
    let events = [event(1, approval(7)), event(2, escrowed(&sealed))];
    assert_eq!(send(&bench.hub, agent, &events).await.status, 200);
    assert_eq!(send(&bench.hub, agent, &[event(3, escrowed("garbage"))]).await.status, 400);
    bench.hub.store.alarms(tenant).await.unwrap()[0].id.to_string()
}

/// A server is lost; its keys are on their way to the next one.
async fn recovered(bench: &bench::Bench, tenant: OrderId) -> bench::Run {
    let body = json!({"reason": "the data centre burnt", "source": recovery::source()});
    assert_eq!(bench.ask(tenant, "", &body).await.status, 201);
    let mut run = bench.run().await;
    let recipient = age::x25519::Identity::generate().to_public();
    bench.report(&mut run, "RUNNING", &[recovery::asks(&recipient.to_string())]).await;
    let give = json!({"recipient": recipient.to_string(), "sealed": recovery::sealed_for(&recipient)});
    assert_eq!(bench.ask(tenant, "/keys", &give).await.status, 200);
    run
}

/// Every value of every column that sounds like a secret; each must have one.
async fn in_the_database(bench: &bench::Bench) -> Vec<Named> {
    let all = async |sql: String| {
        let rows = ask(&bench.folder(), &sql).await;
        rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>()
    };
    let columns = match letsbe_test_postgres::is_wanted() {
        true => {
            "SELECT CAST(table_name || '.' || column_name AS TEXT) FROM information_schema.columns \
             WHERE table_schema = 'public'"
        }
        false => {
            "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c \
             WHERE m.type = 'table'"
        }
    };
    let columns = all(columns.to_owned()).await;
    for name in NO_SECRETS {
        assert!(columns.iter().any(|column| column == name), "there is no column {name} any more");
    }
    let mut found = Vec::new();
    for column in columns.iter().filter(|column| !NO_SECRETS.contains(&column.as_str())) {
        let (table, name) = column.split_once('.').unwrap();
        if !SOUNDS_LIKE_A_SECRET.iter().any(|word| name.contains(word)) {
            continue;
        }
        let values =
            all(format!("SELECT CAST(\"{name}\" AS TEXT) FROM \"{table}\" WHERE \"{name}\" IS NOT NULL"))
                .await;
        assert!(!values.is_empty(), "{column} sounds like a secret and this test puts nothing into it");
        for value in values {
            // Of a password's hash the part that is its own.
            let value = value.rsplit('$').next().unwrap_or_default().to_owned();
            found.push(Named::new(column.clone(), value));
        }
    }
    found
}

/// Files that the Hub's machine has beside the database.
fn in_files(bench: &bench::Bench) -> Vec<Named> {
    let names = ["tenants-key", "netcup-token", "stripe-webhook-secret", "smtp-url", "model-key", "password"];
    let mut secrets = Vec::new();
    for name in names {
        let value = format!("{name}-sentinel-{}", uuid::Uuid::now_v7().simple());
        std::fs::write(bench.folder().join(name), &value).unwrap();
        secrets.push(Named::new(format!("the file {name}"), value));
    }
    secrets
}

pub(super) async fn seeded() -> Seeded {
    let relay = provider::Bench::new().await;
    let provider::Bench { hub, provider, tenants: [asking, waiting], agents, keys: relay_keys } = relay;
    hub.staff().await;
    hub.driven([]);
    while hub.state().background.last_round().is_none() {
        tokio::task::yield_now().await;
    }
    let (staff, browser) = (staff_session(&hub).await, staff_session(&hub).await);
    let spare = staff_session(&hub).await;
    let (bench, lost, lost_agent) = bench::Bench::on(hub, staff, 3).await;
    let alarm = told_by_servers(&bench, asking, &agents[0]).await;
    let grant = bench.hub.json("POST", "/api/v1/tenant/models", Some(&agents[0]), &json!({})).await;
    let relay_key =
        grant.json()["data"]["relay_key"].as_str().unwrap_or_else(|| panic!("{grant:?}")).to_owned();
    let tenants = format!("/api/v1/admin/tenants/{asking}");
    let id = |made: Value| made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let command = staff_asks(&bench, "POST", &format!("{tenants}/commands"), json!({"do": "report"})).await;
    let drill = staff_asks(&bench, "POST", &format!("{tenants}/drills"), json!({"kind": "quarterly"})).await;
    let given = format!("/api/v1/admin/orders/{waiting}/destination");
    let mut destination = recovery::source();
    destination["secret_access_key"] = json!("sentinel-of-a-given-destination");
    staff_asks(&bench, "PUT", &given, destination).await;
    let refund = crate::webhooks::charge("evt_refund", "charge.refunded", lost);
    assert_eq!(bench.hub.deliver(&refund).await.status, 200);
    let run = recovered(&bench, lost).await;
    let registration = run.job.desired.hub.as_ref().unwrap().registration_token.clone();
    let bearers = vec![
        ("staff", bench.staff.clone()),
        ("the runner of a job", run.token.clone()),
        ("an agent", agents[0].clone()),
        ("another agent", agents[1].clone()),
        ("a lost server's agent", lost_agent),
        ("a server at the relay", relay_key),
        ("the server of a job", registration),
        ("somebody with a key that is none", "sentinel-of-a-wrong-key".to_owned()),
    ];
    let mut secrets: Vec<Named> =
        bearers.iter().map(|(who, key)| Named::new(format!("the key of {who}"), key.clone())).collect();
    secrets.extend([
        Named::new("the session of a browser", browser.clone()),
        Named::new("another session", spare.clone()),
        Named::new("the password of staff", PASSWORD),
        Named::new("Stripe's secret", STRIPE_SECRET),
        Named::new("the model provider's key", PROVIDER_KEY),
        Named::new("the secret of a recovery's source", recovery::SECRET),
        Named::new("the secret of a given destination", "sentinel-of-a-given-destination"),
    ]);
    secrets.extend(in_the_database(&bench).await);
    secrets.extend(in_files(&bench));
    let tasks = bench.hub.get("/api/v1/admin/tasks", Some(&bench.staff)).await.json();
    Seeded {
        hub_task: "drills".to_owned(),
        task: id(tasks["data"][0].clone()),
        job: run.job.id.to_string(),
        command: id(command),
        drill: id(drill),
        approval: uuid::Uuid::from_u128(7).to_string(),
        orders: [asking, waiting, lost],
        _relay: relay_keys,
        bench,
        provider,
        secrets,
        alarm,
        browser,
        spare,
        bearers,
    }
}
