//! `/api/v1/admin/backups` and `/api/v1/admin/tenants/{id}/backups`, and the pages about them.

use axum::http::StatusCode;
use letsbe_store::{NewAlarm, NewDestination, NewEntry};
use letsbe_types::{
    backup::{Destination, Protection, S3Destination},
    backups::{AlarmKind, Look},
    clock::Clock as _,
    ids::OrderId,
};
use serde_json::{Value, json};

use crate::{
    Hub,
    tenant::{HEARTBEAT, heartbeat, registered},
    tenant_events::{event, send},
};

const BACKUPS: &str = "/api/v1/admin/backups";

fn destination(protection: Protection) -> Destination {
    Destination::S3(S3Destination {
        endpoint: "https://s3.example.com".into(),
        region: "eu".into(),
        bucket: "letsbe-1".into(),
        prefix: "tenant-1".into(),
        access_key_id: "AKIA1".into(),
        secret_access_key: "canary-secret".into(),
        protection,
    })
}

fn sign() -> Value {
    let tool = |name: &str, proven: Value| json!({"tool": name, "taken_at": "2026-11-21T02:00:00Z", "proven_at": proven, "ok": true, "proof_ok": true});
    json!({
        "at": "2026-11-21T02:10:00Z", "succeeded": true, "bytes": 4_200_000_000_u64, "errors": 0, "remote": "success",
        "remote_at": "2026-11-21T02:09:00Z", "protection": {"is": "locked", "days": 35},
        "repository_bytes": 900_000_000, "checked_at": "2026-11-21T03:00:00Z", "damage": 0,
        "tools": [tool("ghost", json!("2026-11-20T03:00:00Z")), tool("letsbe", json!("2026-11-19T03:00:00Z"))],
    })
}

async fn backed_up(hub: &Hub, number: u128, change: impl Fn(&mut Value)) -> (OrderId, String) {
    let (tenant, key) = registered(hub, number).await;
    let mut beat = heartbeat();
    beat["backup"] = sign();
    change(&mut beat["backup"]);
    let taken = hub.json("POST", HEARTBEAT, Some(&key), &beat).await;
    assert_eq!(taken.status, StatusCode::OK, "{taken:?}");
    (tenant, key)
}

fn proof() -> Value {
    json!({"kind": "proven", "proof": {
        "tool": "ghost", "set": "018f7b1e-0000-7000-8000-000000000009", "taken_at": "2026-11-20T02:00:00Z",
        "began_at": "2026-11-20T03:00:00Z", "steps": [{"name": "restore", "milliseconds": 4200}],
        "equal": ["12 tables with 3456 rows"], "differences": [], "problem": null,
    }})
}

async fn watched(hub: &Hub, tenant: OrderId) {
    let destination = destination(Protection::Locked { days: 35 });
    let line = NewEntry::new("backup", "ok", "Copies go to a bucket");
    let new = NewDestination { order: tenant, destination: &destination, watched: true, line };
    hub.store.save_destination(&new, hub.clock.now()).await.unwrap();
}

fn look(hub: &Hub, objects: u64) -> Look {
    Look {
        at: hub.clock.now(),
        objects,
        bytes: objects * 4_000_000,
        noncurrent_objects: 7,
        noncurrent_bytes: 70_000,
        delete_markers: 7,
        newest_at: Some(hub.clock.now()),
    }
}

#[tokio::test]
async fn backups_are_listed_and_shown_with_their_evidence() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = backed_up(&hub, 1, |_| {}).await;
    watched(&hub, tenant).await;
    hub.store.keep_look(tenant, &look(&hub, 200)).await.unwrap();
    send(&hub, &key, &[event(1, proof())]).await;
    insta::assert_snapshot!("backups_list", hub.get(BACKUPS, Some(&staff)).await.shown());
    let path = format!("/api/v1/admin/tenants/{tenant}/backups");
    let shown = hub.get(&path, Some(&staff)).await;
    assert!(!shown.body.contains("canary"), "no secret is kept");
    insta::assert_snapshot!("backups_of_one", shown.shown());
    let health = |answer: crate::Answer| answer.json()["data"]["health"].clone();
    let one = format!("/api/v1/admin/tenants/{tenant}");
    assert_eq!(health(hub.get(&one, Some(&staff)).await), "fine");
    let page = hub.page("/backups").await;
    assert!(page.body.contains("locked for 35 days") && page.body.contains("4.2\u{a0}GB"), "{}", page.body);
    let page = hub.page(&format!("/tenants/{tenant}/backups")).await;
    assert!(page.body.contains("12 tables with 3456 rows") && page.body.contains("AKIA1"), "{}", page.body);
}

#[tokio::test]
async fn the_hubs_own_backup_is_an_alarm_when_it_fails_or_is_old() {
    let (hub, staff) = Hub::with_staff().await;
    let file = hub.jobs_folder().with_file_name("backup-status.json");
    let ended = |problem: Value, succeeded_at: &str| {
        let status = json!({
            "at": hub.clock.now(), "problem": problem, "snapshot": null, "succeeded_at": succeeded_at,
        });
        std::fs::write(&file, status.to_string()).unwrap();
    };
    let look = async || {
        let own = hub.get("/api/v1/admin/backups/hub", Some(&staff)).await.json()["data"].clone();
        let page = hub.page("/backups").await.body;
        (own["state"].as_str().unwrap().to_owned(), own["troubles"].to_string(), page)
    };
    let (state, _, page) = look().await;
    assert!(
        state == "troubled" && page.contains("notice warning") && page.contains("has ended yet"),
        "{page}"
    );
    ended(Value::Null, "2026-11-21T10:00:00Z");
    let (state, troubles, page) = look().await;
    assert_eq!((state.as_str(), troubles.as_str()), ("fine", "[]"));
    assert!(!page.contains("notice") && page.contains("The Hub&#39;s own backup"), "{page}");
    let problem = json!({"code": "DEST004", "message": "no way there", "hint": "Look.", "retryable": true});
    ended(problem, "2026-11-21T10:00:00Z");
    let (state, troubles, page) = look().await;
    assert!(state == "troubled" && troubles.contains("DEST004"), "{troubles}");
    assert!(page.contains("notice warning") && page.contains("no way there"), "{page}");
    ended(Value::Null, "2026-11-20T09:00:00Z");
    let (state, troubles, page) = look().await;
    assert!(state == "failed" && troubles.contains("27 hours"), "{troubles}");
    assert!(page.contains("notice failed"), "{page}");
}

#[tokio::test]
async fn a_backup_that_is_too_old_is_a_failure_and_a_proof_that_is_overdue_a_trouble() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = backed_up(&hub, 1, |_| {}).await;
    let state = async || {
        let list = hub.get(BACKUPS, Some(&staff)).await.json();
        (list["data"][0]["state"].as_str().unwrap().to_owned(), list["data"][0]["troubles"].to_string())
    };
    assert_eq!(state().await, ("fine".to_owned(), "[]".to_owned()));
    let mut beat = heartbeat();
    beat["backup"] = sign();
    beat["backup"]["at"] = json!("2026-11-20T09:50:00Z");
    hub.json("POST", HEARTBEAT, Some(&key), &beat).await;
    let (failed, why) = state().await;
    assert!(failed == "failed" && why.contains("26 hours"), "{why}");
    let mut beat = heartbeat();
    beat["backup"] = sign();
    beat["backup"]["at"] = json!(hub.clock.now());
    beat["backup"]["tools"][1]["proven_at"] = json!("2026-11-14T03:00:00Z");
    hub.json("POST", HEARTBEAT, Some(&key), &beat).await;
    let (troubled, why) = state().await;
    assert!(troubled == "troubled" && why.contains("letsbe"), "{why}");
    let health = hub.get(&format!("/api/v1/admin/tenants/{tenant}"), Some(&staff)).await.json();
    assert_eq!(health["data"]["health"], "troubled");
    let (_, _) = backed_up(&hub, 2, |sign| sign["damage"] = json!(3)).await;
    let list = hub.get(BACKUPS, Some(&staff)).await.json();
    assert_eq!(list["data"][0]["state"], "failed", "{list}");
}

#[tokio::test]
async fn an_alarm_is_a_failure_until_a_person_has_looked() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, _) = backed_up(&hub, 1, |_| {}).await;
    let (other, _) = backed_up(&hub, 2, |_| {}).await;
    watched(&hub, tenant).await;
    let message =
        "much is gone within a day: 200 objects (800 bytes) were there, 3 (12 bytes) are".to_owned();
    let new = NewAlarm { kind: AlarmKind::Shrunk, message, before: look(&hub, 200) };
    hub.store.change_alarms(tenant, &[new], &[], hub.clock.now()).await.unwrap();
    let list = hub.get(BACKUPS, Some(&staff)).await.json();
    let row =
        list["data"].as_array().unwrap().iter().find(|row| row["tenant"] == tenant.to_string()).unwrap();
    assert_eq!(row["state"], "failed");
    let alarm = row["alarms"][0]["id"].as_str().unwrap().to_owned();
    let page = hub.page(&format!("/tenants/{tenant}/backups")).await;
    assert!(page.body.contains("much is gone") && page.body.contains("I have looked at it"));
    let tenants = hub.get(&format!("/api/v1/admin/tenants/{tenant}"), Some(&staff)).await.json();
    assert!(tenants["data"]["troubles"].to_string().contains("much is gone"), "{tenants}");
    let path = |of: OrderId| format!("/api/v1/admin/tenants/{of}/alarms/{alarm}");
    let strange = hub.json("POST", &path(other), Some(&staff), &json!({})).await;
    assert_eq!(strange.status, StatusCode::NOT_FOUND, "another tenant's alarm");
    let done = hub.json("POST", &path(tenant), Some(&staff), &json!({})).await;
    assert_eq!(done.json()["data"]["state"], "fine");
    let again = hub.json("POST", &path(tenant), Some(&staff), &json!({})).await;
    assert_eq!(again.conflict(), "HUB056");
    let lines = hub.store.timeline(tenant, 0, 100).await.unwrap();
    assert!(lines.iter().any(|line| line.message.contains("ann@letsbe.example chose: acknowledge")));
    let shown = hub.get(&format!("/api/v1/admin/tenants/{tenant}/backups"), Some(&staff)).await.json();
    assert_eq!(shown["data"]["past_alarms"][0]["acknowledged_by"], "ann@letsbe.example");
}

#[tokio::test]
async fn a_destination_is_given_by_hand_and_never_answered_again() {
    let (hub, staff) = Hub::with_staff().await;
    let order = hub.order(1).await;
    let path = format!("/api/v1/admin/orders/{order}/destination");
    let good = json!({"kind": "s3", "endpoint": "https://s3.example.com", "region": "eu", "bucket": "b", "prefix": "p",
                      "access_key_id": "AKIA1", "secret_access_key": "canary-secret",
                      "protection": {"is": "unprotected"}});
    let answer = hub.json("PUT", &path, Some(&staff), &good).await;
    assert_eq!((answer.status, &answer.json()["data"]), (StatusCode::OK, &Value::Null));
    let file = hub.jobs_folder().join(format!("destination-{order}.json"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(std::fs::read_to_string(&file).unwrap().contains("canary-secret"));
    for (change, named) in [
        (json!({"endpoint": "http://s3.example.com"}), "endpoint"),
        (json!({"prefix": "/p"}), "prefix"),
        (json!({"bucket": "two words"}), "bucket"),
        (json!({"secret_access_key": ""}), "secret_access_key"),
        (json!({"kind": "s4"}), "kind"),
        (json!({"endpoint": "http://169.254.169.254"}), "endpoint"),
        (json!({"endpoint": "https://[fe80::1]"}), "endpoint"),
        (json!({"endpoint": "http://localhost:9000"}), "endpoint"),
        (json!({"endpoint": "https://[::ffff:169.254.169.254]"}), "endpoint"),
    ] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = hub.json("PUT", &path, Some(&staff), &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{named}");
        assert!(!answer.body.contains("canary"), "{answer:?}");
    }
    let rclone = |configuration: &str| json!({"kind": "rclone", "remote": "box", "path": "backups", "configuration": configuration});
    let good = hub.json("PUT", &path, Some(&staff), &rclone("[box]\ntype = sftp\n")).await;
    assert_eq!(good.status, StatusCode::OK, "{good:?}");
    let bad = hub.json("PUT", &path, Some(&staff), &rclone("[other]\n")).await;
    assert_eq!(bad.fields(), ["configuration"]);
    for hostile in [
        "[box]\ntype = webdav\nbearer_token_command = /usr/bin/touch /root/owned\n",
        "[box]\ntype = local\n",
        "[box]\ntype = webdav\nurl = http://127.0.0.1:8090/\n",
        "[box]\ntype = sftp\nhost = 169.254.169.254\n",
    ] {
        let bad = hub.json("PUT", &path, Some(&staff), &rclone(hostile)).await;
        assert_eq!(bad.fields(), ["configuration"], "{hostile}");
        assert!(!bad.body.contains("owned"), "{bad:?}");
    }
}

#[tokio::test]
async fn a_drill_is_done_by_the_server_each_month_and_by_a_person_each_quarter() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = backed_up(&hub, 1, |_| {}).await;
    let path = format!("/api/v1/admin/tenants/{tenant}/drills");
    let ask = async |kind: &str| hub.json("POST", &path, Some(&staff), &json!({"kind": kind})).await.json();
    let monthly = ask("monthly").await["data"].clone();
    assert_eq!(ask("monthly").await["data"]["id"], monthly["id"], "one at a time");
    let told = hub.get("/api/v1/tenant/commands", Some(&key)).await.json();
    assert_eq!(told["data"]["commands"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["data"]["commands"][0]["work"]["do"], "drill");
    let mut during = proof();
    during["proof"]["began_at"] = json!(hub.clock.now());
    let finished = json!({"kind": "command_finished", "result": {
        "command": told["data"]["commands"][0]["id"], "finished_at": hub.clock.now(),
        "outcome": {"outcome": "done", "summary": "1 proven"}}});
    send(&hub, &key, &[event(1, proof()), event(2, during), event(3, finished)]).await;
    letsbe_hub::backups::drills::round(&hub.store, hub.clock.now()).await.unwrap();
    let drills = hub.get("/api/v1/admin/drills", Some(&staff)).await.json();
    let all = drills["data"].as_array().unwrap();
    let done = all.iter().find(|drill| drill["id"] == monthly["id"]).unwrap();
    assert_eq!(done["report"]["passed"], true, "{done}");
    assert_eq!(done["report"]["proofs"].as_array().unwrap().len(), 1, "only those since it began");
    let due = all.iter().find(|drill| drill["kind"] == "quarterly").expect("the schedule notes one");
    let asked = ask("quarterly").await["data"].clone();
    assert_eq!(asked["id"], due["id"]);
    let page = format!("/tenants/{tenant}/drills/{}", asked["id"].as_str().unwrap());
    assert!(hub.page(&page).await.body.contains("What to do"));
    let one = format!("{path}/{}", asked["id"].as_str().unwrap());
    let outcome = json!({"passed": true, "rto_seconds": 2520, "rpo_seconds": 28800, "notes": "all tools in"});
    let recorded = hub.json("POST", &one, Some(&staff), &outcome).await;
    assert_eq!(recorded.json()["data"]["report"]["by"], "ann@letsbe.example");
    assert_eq!(hub.json("POST", &one, Some(&staff), &outcome).await.conflict(), "HUB056");
    let of_server = format!("{path}/{}", monthly["id"].as_str().unwrap());
    assert_eq!(hub.json("POST", &of_server, Some(&staff), &outcome).await.conflict(), "API409");
    let shown = hub.page(&page).await.body;
    assert!(
        shown.contains("42 min") && shown.contains("480 min") && shown.contains("all tools in"),
        "{shown}"
    );
}
