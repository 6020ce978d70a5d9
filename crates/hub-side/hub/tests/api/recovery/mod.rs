//! A server is lost and comes back on another one: the whole workflow, with a provisioner played by the test.

pub(crate) mod bench;

use std::io::{Read as _, Write as _};

use axum::http::StatusCode;
use letsbe_lifecycle::order::{Event, Phase};
use letsbe_types::{
    Code,
    backup::Destination,
    clock::Clock as _,
    ids::{OrderId, SetId},
};
use serde_json::{Value, json};

use crate::{Hub, address, start, tenant};
use bench::Bench;

/// What must be seen by the operator's machine and the new server alone.
const PLAIN: &str = "registry_key=canary-registry\nbackup_repository_key=canary-repository\n";
pub(crate) const SECRET: &str = "canary-access-key";

pub(crate) fn source() -> Value {
    json!({
        "kind": "s3", "endpoint": "https://s3.example.com", "region": "eu", "bucket": "copies",
        "prefix": "acme", "access_key_id": "ID", "secret_access_key": SECRET,
        "protection": {"is": "locked", "days": 30},
    })
}

fn request() -> Value {
    json!({"reason": "the data centre burnt", "source": source()})
}

pub(crate) fn sealed_for(recipient: &age::x25519::Recipient) -> String {
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient)).unwrap();
    let armour = age::armor::ArmoredWriter::wrap_output(Vec::new(), age::armor::Format::AsciiArmor).unwrap();
    let mut writer = encryptor.wrap_output(armour).unwrap();
    writer.write_all(PLAIN.as_bytes()).unwrap();
    String::from_utf8(writer.finish().unwrap().finish().unwrap()).unwrap()
}

fn opened(sealed: &str, identity: &age::x25519::Identity) -> String {
    let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(sealed.as_bytes())).unwrap();
    let mut text = String::new();
    let mut reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).unwrap();
    reader.read_to_string(&mut text).unwrap();
    text
}

pub(crate) fn asks(recipient: &str) -> Value {
    json!({"event": "keys_needed", "recipient": recipient, "deadline": start() + chrono::TimeDelta::hours(2)})
}

fn restored(tool: &str, hours_before: i64) -> Value {
    let taken_at = start() - chrono::TimeDelta::hours(hours_before);
    json!({"tool": tool, "set": SetId::generate(), "taken_at": taken_at, "rows": 5000, "files": 300,
           "milliseconds": 42_000})
}

/// Everything that the Hub has written, but for what the jobs' own files are for.
async fn all_that_is_kept(bench: &Bench) -> Vec<u8> {
    if letsbe_test_postgres::is_wanted() {
        let mut dump = std::process::Command::new(letsbe_test_postgres::programs().join("pg_dump"));
        let dumped = dump.arg("--dbname").arg(address(&bench.folder(), "hub.db").await).output().unwrap();
        assert!(dumped.status.success(), "{dumped:?}");
        return dumped.stdout;
    }
    let mut all = Vec::new();
    for entry in std::fs::read_dir(bench.folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("hub.db") {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn a_lost_server_comes_back_on_another_one_and_the_hub_never_sees_a_key() {
    let (bench, id) = Bench::live().await;
    let lost = bench.hub.store.order(id).await.unwrap().unwrap().host_key;
    let asked = bench.ask(id, "", &request()).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{asked:?}");
    assert!(!asked.body.contains(SECRET));
    let mut run = bench.run().await;
    assert_eq!(run.job.address.to_string(), "192.0.2.2", "another server than the lost one");
    let planted = run.job.host_key.clone().expect("whose host key is known before anybody logs in");
    assert!(planted.starts_with("ssh-ed25519 AAAA") && Some(&planted) != lost.as_ref(), "{planted}");
    let restore = run.job.desired.restore.clone().expect("it is brought back");
    assert_eq!(restore.source, serde_json::from_value::<Destination>(source()).unwrap());
    assert_eq!(run.job.desired.backups, Some(restore.source), "and goes on where its copies are");

    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    assert_eq!(bench.keys(&run).await.status, StatusCode::NO_CONTENT);
    bench.report(&mut run, "RUNNING", &[asks(&recipient.to_string())]).await;
    let waiting = bench.recovery(id).await;
    assert_eq!(waiting["waits_for"], "keys");
    assert_eq!(waiting["keys"]["recipient"], recipient.to_string());
    let page = bench.page(id).await;
    let fingerprint = letsbe_types::recovery::recipient_fingerprint(&recipient.to_string());
    for shown in ["The new server needs the keys", fingerprint.as_str(), "letsbe backups unseal acme.example"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let sealed = sealed_for(&recipient);
    let give = json!({"recipient": recipient.to_string(), "sealed": sealed});
    let given = bench.ask(id, "/keys", &give).await;
    assert_eq!((given.status, &given.json()["data"]["waits_for"]), (StatusCode::OK, &json!("run")));
    assert!(!given.body.contains("AGE ENCRYPTED"), "nobody needs it again");
    let handed = bench.keys(&run).await.json();
    assert_eq!(opened(handed["data"]["sealed"].as_str().unwrap(), &identity), PLAIN);

    bench.report(&mut run, "RUNNING", &[json!({"event": "restored", "tools": [restored("ghost", 9)]})]).await;
    let both = json!({"event": "restored", "tools": [restored("ghost", 9), restored("letsbe", 10)]});
    bench.report(&mut run, "RUNNING", &[both]).await;
    bench.register(&run).await;
    bench.report(&mut run, "COMPLETED", &[]).await;
    assert_eq!(bench.keys(&run).await.status, StatusCode::NO_CONTENT, "the job has ended");
    bench.end(run);
    bench.until(id, Phase::DnsPending).await;
    let waiting = bench.recovery(id).await;
    assert_eq!(waiting["waits_for"], "dns");
    let page = bench.page(id).await;
    assert!(page.contains("records must point to the new server") && page.contains("netcup:2 at 192.0.2.2"));
    assert!(!page.contains("The new server needs the keys"));
    bench.hub.clock.advance(chrono::TimeDelta::minutes(50));
    bench.hub.apply(id, &Event::DnsComplete).await;
    let end = bench.recovery(id).await;
    assert_eq!(end["state"], "finished");
    assert_eq!((&end["rto_seconds"], &end["rpo_seconds"]), (&json!(3000), &json!(36_000)), "{end}");
    assert_eq!((&end["lost"]["server"], &end["server"]), (&json!("netcup:1"), &json!("netcup:2")));
    let page = bench.page(id).await;
    for shown in ["A lost server", "50 min", "10 h 00 min", "settle-lost acme.example", "5000"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let settle = json!({"server": "netcup:1", "became": "cancelled", "evidence": "ticket 4711"});
    assert_eq!(bench.ask(id, "/lost", &settle).await.status, StatusCode::OK);
    assert!(bench.page(id).await.contains("cancelled at the provider, says ann@letsbe.example: ticket 4711"));
    let order = bench.hub.store.order(id).await.unwrap().unwrap();
    assert_eq!(order.host_key.as_ref(), Some(&planted));
    let tenant = bench.hub.get(&format!("/api/v1/admin/tenants/{id}"), Some(&bench.staff)).await.json();
    let connection = json!({"server": "netcup:2", "address": "192.0.2.2", "host_key": planted});
    assert_eq!(tenant["data"]["connection"], connection);
    let kept = all_that_is_kept(&bench).await;
    assert!(contains(&kept, "the data centre burnt"), "the scan sees what is there");
    for secret in ["canary", SECRET] {
        assert!(!contains(&kept, secret), "{secret} is in the database");
    }
    let files: Vec<_> = std::fs::read_dir(bench.folder().join("jobs")).unwrap().collect();
    assert!(files.is_empty(), "what opens the far side went with the job: {files:?}");
}

#[tokio::test]
async fn only_sealed_keys_are_taken_and_only_the_jobs_own_runner_gets_them() {
    let (bench, id) = Bench::live().await;
    bench.ask(id, "", &request()).await;
    let mut run = bench.run().await;
    let first = age::x25519::Identity::generate().to_public();
    let give = |recipient: &age::x25519::Recipient, sealed: &str| json!({"recipient": recipient.to_string(), "sealed": sealed});
    let early = bench.ask(id, "/keys", &give(&first, &sealed_for(&first))).await;
    assert_eq!(early.conflict(), "HUB055", "no run asks for them");
    bench.report(&mut run, "RUNNING", &[asks(&first.to_string())]).await;
    let plain = bench.ask(id, "/keys", &give(&first, PLAIN)).await;
    assert_eq!((plain.status, plain.fields()), (StatusCode::BAD_REQUEST, vec!["sealed".to_owned()]));
    assert!(!plain.body.contains("canary"));
    let second = age::x25519::Identity::generate().to_public();
    bench.report(&mut run, "RUNNING", &[asks(&second.to_string())]).await;
    let late = bench.ask(id, "/keys", &give(&first, &sealed_for(&first))).await;
    assert_eq!(late.conflict(), "HUB055", "the run was started again");
    assert_eq!(bench.ask(id, "/keys", &give(&second, &sealed_for(&second))).await.status, StatusCode::OK);
    let path = format!("/api/v1/jobs/{}/keys", run.job.id);
    let registration = run.job.desired.hub.as_ref().unwrap().registration_token.clone();
    for key in [None, Some("wrong"), Some(bench.staff.as_str()), Some(registration.as_str())] {
        assert_eq!(bench.hub.get(&path, key).await.status, StatusCode::UNAUTHORIZED, "{key:?}");
    }
    assert_eq!(bench.keys(&run).await.status, StatusCode::OK);
    bench.end(run);
}

#[tokio::test]
async fn a_plan_changes_nothing_and_what_cannot_begin_is_refused_by_field() {
    let (hub, staff) = Hub::with_staff().await;
    let (id, _) = tenant::registered(&hub, 1).await;
    let ask = async |rest: &str, body: &Value| {
        hub.json("POST", &format!("/api/v1/admin/tenants/{id}/recovery{rest}"), Some(&staff), body).await
    };
    let unpaid = ask("", &request()).await;
    assert_eq!(unpaid.conflict(), "HUB055");
    live(&hub, id).await;
    let before = hub.store.order(id).await.unwrap().unwrap();
    let later = hub.clock.now() + chrono::TimeDelta::hours(1);
    let mut broken = source();
    broken["bucket"] = json!("a/b");
    for (body, named) in [
        (json!({"reason": "x"}), "source"),
        (json!({"reason": " ", "source": source()}), "reason"),
        (json!({"reason": "x", "source": source(), "at": later}), "at"),
        (json!({"reason": "x", "source": source(), "as_of": later}), "as_of"),
        (json!({"reason": "x", "source": broken}), "source.prefix"),
        (json!({"reason": "x", "source": source(), "region": "moon"}), "region"),
    ] {
        for rest in ["", "/plan"] {
            let answer = ask(rest, &body).await;
            assert_eq!((answer.status, answer.fields()[0].as_str()), (StatusCode::BAD_REQUEST, named));
            assert!(!answer.body.contains(SECRET));
        }
    }
    let plan = ask("/plan", &json!({"reason": "x", "source": source(), "region": "na"})).await;
    assert!(!plan.body.contains(SECRET));
    insta::assert_snapshot!(plan.shown());
    let after = hub.store.order(id).await.unwrap().unwrap();
    assert_eq!((after.state, after.updated_at), (before.state, before.updated_at));
    assert_eq!(hub.store.latest_recovery(id).await.unwrap(), None);
    assert_eq!(hub.store.agent(id).await.unwrap().unwrap().revoked_at, None);
    assert!(!hub.folder.path().join("jobs").exists(), "not even the source was kept");
    assert_eq!(ask("/cancel", &json!({"reason": "x"})).await.conflict(), "HUB055");
    let settle = json!({"server": "netcup:1", "became": "wiped", "evidence": "x"});
    assert_eq!(ask("/lost", &settle).await.conflict(), "HUB055");
}

/// Makes a registered order a live one.
async fn live(hub: &Hub, id: OrderId) {
    live_on(hub, id, "netcup:1").await;
}

/// The same on this server.
pub(crate) async fn live_on(hub: &Hub, id: OrderId, server: &str) {
    for event in [
        Event::PaymentReceived,
        Event::ServerClaimed { server: letsbe_types::ids::ServerId(server.into()) },
        Event::ServerInstalled { address: [192, 0, 2, 1].into() },
        Event::DnsComplete,
        Event::ProvisioningPrepared,
        Event::ProvisioningSucceeded,
    ] {
        hub.apply(id, &event).await;
    }
}

#[tokio::test]
async fn a_recovery_in_another_region_is_taken_back_before_provisioning() {
    let (hub, staff) = Hub::with_staff().await;
    let (id, key) = tenant::registered(&hub, 1).await;
    live(&hub, id).await;
    let ask = async |rest: &str, body: &Value| {
        hub.json("POST", &format!("/api/v1/admin/tenants/{id}/recovery{rest}"), Some(&staff), body).await
    };
    let mut body = request();
    body["region"] = json!("na");
    let begun = ask("", &body).await.json();
    assert_eq!((&begun["data"]["region"], &begun["data"]["waits_for"]), (&json!("na"), &json!("server")));
    assert_eq!(begun["data"]["can_be_cancelled"], true);
    let beat = async || hub.json("POST", tenant::HEARTBEAT, Some(&key), &tenant::heartbeat()).await.status;
    assert_eq!(beat().await, StatusCode::UNAUTHORIZED, "whoever holds the lost server holds its key");
    assert_eq!(ask("", &body).await.conflict(), "HUB055", "one at a time");
    let cancelled = ask("/cancel", &json!({"reason": "a cable"})).await.json();
    assert_eq!(cancelled["data"]["waits_for"], "release");
    assert_eq!(cancelled["data"]["can_be_cancelled"], false);
    hub.apply(id, &Event::ServerReleased).await;
    assert_eq!(beat().await, StatusCode::OK);
    let list = hub.get("/api/v1/admin/recoveries", Some(&staff)).await.json();
    assert_eq!((&list["data"][0]["state"], &list["meta"]["total"]), (&json!("cancelled"), &json!(1)));
    let own = hub.get(&format!("/api/v1/admin/tenants/{id}/recoveries"), Some(&staff)).await.json();
    assert_eq!(own["data"], list["data"]);
}

#[tokio::test]
async fn a_recovery_that_failed_on_its_new_server_says_that_it_cannot_be_taken_back_and_is_not() {
    let (hub, staff) = Hub::with_staff().await;
    let (id, _) = tenant::registered(&hub, 1).await;
    live(&hub, id).await;
    let path = format!("/api/v1/admin/tenants/{id}/recovery");
    assert!(hub.json("POST", &path, Some(&staff), &request()).await.status.is_success());
    let problem = letsbe_types::Problem::permanent(Code::SRV001, "It ended badly", "Ask Netcup.");
    for event in [
        Event::ServerClaimed { server: letsbe_types::ids::ServerId("netcup:9".into()) },
        Event::ServerInstalled { address: [192, 0, 2, 9].into() },
        Event::ProvisioningPrepared,
        Event::EffectFailed { effect: letsbe_lifecycle::order::EffectKind::Provision, problem },
    ] {
        hub.apply(id, &event).await;
    }
    let entry = hub.get(&path, Some(&staff)).await.json();
    assert_eq!(
        (&entry["data"]["waits_for"], &entry["data"]["can_be_cancelled"]),
        (&json!("operator"), &json!(false))
    );
    let answer = hub.json("POST", &format!("{path}/cancel"), Some(&staff), &json!({"reason": "x"})).await;
    assert_eq!(answer.conflict(), "HUB055");
}
