//! The lists of orders, tenants and backups: the worst first, counted, searched, a page at a time.

use axum::http::StatusCode;
use chrono::TimeDelta;
use letsbe_hub::background::tasks;
use letsbe_lifecycle::order::{EffectKind, Event};
use letsbe_store::{NewAlarm, NewOrder};
use letsbe_types::{
    Code, Problem, Region, Tier,
    backups::{AlarmKind, Look},
    clock::Clock as _,
    ids::{OrderId, RecoveryId, ServerIdentity},
};
use serde_json::{Value, json};

use crate::{
    EMAIL, Hub, order_id, start,
    tenant::{HEARTBEAT, heartbeat, registered},
    tenant_events::{approval, event, send},
};

const ORDERS: &str = "/api/v1/admin/orders";
const TENANTS: &str = "/api/v1/admin/tenants";
const BACKUPS: &str = "/api/v1/admin/backups";

async fn order_of(hub: &Hub, number: u128, domain: &str, email: &str) -> OrderId {
    let id = order_id(number);
    let new = NewOrder {
        id,
        domain: domain.parse().unwrap(),
        email: email.parse().unwrap(),
        tier: Tier::Build,
        region: Region::Eu,
        tools: vec!["static-website".into()],
        identity: ServerIdentity("planted".into()),
    };
    hub.store.create_order(&new, hub.clock.now()).await.unwrap();
    id
}

async fn list(hub: &Hub, staff: &str, path: &str) -> Value {
    let answer = hub.get(path, Some(staff)).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    answer.json()
}

fn all(list: &Value, name: &str) -> Vec<String> {
    let rows = list["data"].as_array().unwrap().iter();
    rows.map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

/// An order in each of the places where one can wait, the least urgent made last.
async fn orders(hub: &Hub) {
    let problem = || Problem::permanent(Code::WORK001, "broken", "mend it");
    let paid = async |number: u128, domain: &str| {
        let id = order_of(hub, number, domain, "owner@shop.example").await;
        hub.apply(id, &Event::PaymentReceived).await;
        id
    };
    let stuck = paid(1, "stuck.example").await;
    hub.apply(stuck, &Event::EffectFailed { effect: EffectKind::ClaimServer, problem: problem() }).await;
    let pool = paid(2, "pool.example").await;
    hub.apply(pool, &Event::PoolEmpty { why: "none".into(), by_hand: false }).await;
    let failing = paid(3, "failing.example").await;
    let passing = Problem::transient(Code::WORK002, "later", "wait");
    hub.apply(failing, &Event::EffectFailed { effect: EffectKind::ClaimServer, problem: passing }).await;
    hub.order_waiting_for_dns(4).await;
    paid(5, "working.example").await;
    order_of(hub, 6, "unpaid.example", "someone@else.example").await;
    let ended = paid(7, "ended.example").await;
    hub.apply(ended, &Event::OperatorAbandon { reason: "asked".into() }).await;
}

#[tokio::test]
async fn orders_that_need_a_person_come_first_and_are_counted() {
    let (hub, staff) = Hub::with_staff().await;
    orders(&hub).await;
    let answer = list(&hub, &staff, ORDERS).await;
    let wanted =
        ["needs_you", "needs_you", "failing", "waiting", "working", "unpaid", "ended"].map(str::to_owned);
    assert_eq!(all(&answer, "attention"), wanted);
    assert_eq!(answer["meta"]["counts"]["needs_you"], 2);
    assert_eq!((&answer["meta"]["counts"]["live"], &answer["meta"]["total"]), (&json!(0), &json!(7)));
    for (query, domains) in [
        ("state=needs_you&sort=domain", &["pool.example", "stuck.example"][..]),
        ("state=dns_pending", &["acme.example"]),
        ("q=FAIL", &["failing.example"]),
        ("q=someone@else", &["unpaid.example"]),
        (
            &format!("q={}", &order_id(5).to_string()[..35]),
            &[
                "ended.example",
                "unpaid.example",
                "working.example",
                "acme.example",
                "failing.example",
                "pool.example",
                "stuck.example",
            ],
        ),
        (&format!("q={}", order_id(5)), &["working.example"]),
        ("domain=working.example", &["working.example"]),
        ("domain=work.example", &[]),
        ("q=%25", &[]),
        ("q=_", &[]),
        ("q=%27%20OR%201=1", &[]),
        ("q=&state=&sort=newest&pageSize=2&page=2", &["working.example", "acme.example"]),
    ] {
        let mut found = all(&list(&hub, &staff, &format!("{ORDERS}?{query}")).await, "domain");
        let mut wanted: Vec<String> = domains.iter().map(|domain| (*domain).to_owned()).collect();
        if !query.contains("sort") {
            found.sort();
            wanted.sort();
        }
        assert_eq!(found, wanted, "{query}");
    }
    for (bad, field) in [
        ("state=lost", "state"),
        ("sort=size", "sort"),
        ("domain=not_a_domain", "domain"),
        ("page=0", "page"),
        ("page=x", "page"),
        (&format!("q={}", "x".repeat(301)), "q"),
    ] {
        let refused = hub.get(&format!("{ORDERS}?{bad}"), Some(&staff)).await;
        assert_eq!(
            (refused.status, refused.fields()),
            (StatusCode::BAD_REQUEST, vec![field.to_owned()]),
            "{bad}"
        );
        assert!(
            !refused.json()["error"]["details"][0]["message"].as_str().unwrap().starts_with(field),
            "{bad}"
        );
    }
}

/// Tenants in all conditions that a list tells apart; every one is heard now, but for those that are not.
async fn tenants(hub: &Hub, staff: &str) {
    let changes: Vec<fn(&mut Value)> = vec![
        |_| {},
        |beat| beat["disk_used_percent"] = json!(90),
        |beat| beat["containers"][0]["state"] = json!("stopped"),
        |beat| beat["certificate_expires_at"] = json!("2026-12-05T11:59:59Z"),
        |beat| beat["certificate_expires_at"] = json!("2026-12-05T12:10:00Z"),
        |beat| beat["backup"] = json!(null),
        |beat| beat["backup"]["succeeded"] = json!(false),
        |beat| beat["backup"]["at"] = json!("2026-11-20T10:00:00Z"),
        |beat| beat["backup"]["at"] = json!("2026-11-20T10:05:00Z"),
        |beat| beat["backup"]["damage"] = json!(1),
        |beat| beat["backup"]["tools"][0]["proof_ok"] = json!(false),
        |beat| beat["backup"]["tools"][0]["proven_at"] = json!("2026-11-14T11:00:00Z"),
        |beat| beat["backup"]["tools"][0]["proven_at"] = json!(null),
        |beat| {
            let outside = json!({"since": "2026-11-01T00:00:00Z", "proven_at": null, "ok": true});
            beat["backup"]["tools"][0]["outside"] = outside;
        },
        |beat| beat["backup"]["remote"] = json!("not_configured"),
        |beat| {
            beat["backup"]["succeeded"] = json!(false);
            beat["backup"]["tools"][0]["taken_at"] = json!(null);
        },
        |beat| beat["tokens"]["used"] = json!(1_900),
    ];
    let mut keys = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        let (tenant, key) = registered(hub, number as u128 + 1).await;
        let mut beat = heartbeat();
        change(&mut beat);
        let answer = hub.json("POST", HEARTBEAT, Some(&key), &beat).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        keys.push((tenant, key));
    }
    let heard = async |number: u128| {
        let (tenant, key) = registered(hub, number).await;
        hub.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await;
        (tenant, key)
    };
    for (number, kind) in [(50, AlarmKind::Flooded), (51, AlarmKind::Shrunk)] {
        let (tenant, _) = heard(number).await;
        let alarm = NewAlarm { kind, message: "much".into(), before: Look::default() };
        hub.store.change_alarms(tenant, &[alarm], &[], hub.clock.now()).await.unwrap();
    }
    let (_, asking) = heard(52).await;
    send(hub, &asking, &[event(1, approval(1))]).await;
    let (_, cut) = heard(53).await;
    let mut beat = heartbeat();
    beat["gate_log"] = json!({"entry": 2, "hash": "cd".repeat(32)});
    hub.json("POST", HEARTBEAT, Some(&cut), &beat).await;
    let (revoked, _) = heard(54).await;
    hub.json("POST", &format!("{TENANTS}/{revoked}/revoke"), Some(staff), &json!({})).await;
    registered(hub, 55).await;
    let (ended, _) = heard(56).await;
    hub.apply(ended, &Event::PaymentReceived).await;
    hub.apply(ended, &Event::OperatorAbandon { reason: "asked".into() }).await;
    lost(hub, 57).await;
}

/// A live tenant whose server is lost and being replaced.
async fn lost(hub: &Hub, number: u128) -> OrderId {
    let (lost, key) = registered(hub, number).await;
    hub.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await;
    for event in [
        Event::PaymentReceived,
        Event::ServerClaimed { server: letsbe_types::ids::ServerId(format!("netcup:{number}")) },
        Event::ServerInstalled { address: [192, 0, 2, 9].into() },
        Event::DnsComplete,
        Event::ProvisioningPrepared,
        Event::ProvisioningSucceeded,
    ] {
        hub.apply(lost, &event).await;
    }
    let new = letsbe_store::NewRecovery {
        id: RecoveryId::generate(),
        order: lost,
        requested_by: "ann".into(),
        reason: "gone".into(),
        region: None,
        at: None,
        as_of: None,
    };
    let pace = letsbe_lifecycle::order::Pace::default();
    hub.store.request_recovery(&new, &pace, hub.clock.now()).await.unwrap();
    lost
}

/// The words of the rows; a fine one that asks for something has its own.
fn words_of(list: &Value, name: &str) -> Vec<String> {
    let rows = list["data"].as_array().unwrap().iter();
    let asks = |row: &Value| row["health"] == "fine" && row["approvals_pending"] != 0;
    rows.map(|row| if asks(row) { "asking".into() } else { row[name].as_str().unwrap().to_owned() }).collect()
}

#[tokio::test]
async fn the_place_of_every_tenant_is_what_its_whole_heartbeat_says_now_and_later() {
    let (hub, staff) = Hub::with_staff().await;
    tenants(&hub, &staff).await;
    // A session of those hours is over before the backups are old.
    let (until, member) =
        (start() + TimeDelta::days(30), hub.store.staff_by_email(EMAIL).await.unwrap().unwrap());
    hub.store.create_session(&letsbe_store::token_hash("long"), member.id, until, start()).await.unwrap();
    let staff = "long".to_owned();
    let healths = ["lost", "silent", "revoked", "troubled", "asking", "never", "fine", "ended"];
    let states = ["failed", "troubled", "awaited", "fine", "ended"];
    let mut seen = std::collections::BTreeSet::new();
    for minutes in [0, 5, 10, 12, 60, 14 * 60, 24 * 60, 6 * 24 * 60, 8 * 24 * 60] {
        hub.clock.advance(TimeDelta::minutes(minutes));
        for (path, name, words) in [(TENANTS, "health", &healths[..]), (BACKUPS, "state", &states[..])] {
            let answer = list(&hub, &staff, &format!("{path}?pageSize=200")).await;
            let found = words_of(&answer, name);
            let place = |word: &String| words.iter().position(|known| known == word).unwrap();
            assert!(found.is_sorted_by_key(place), "{minutes} {path}: {found:?}");
            for known in words {
                let of = found.iter().filter(|word| word == known).count();
                let counts = &answer["meta"]["counts"];
                assert_eq!(counts[*known], of, "{minutes} {path} {known}");
                if of > 0 {
                    seen.insert(format!("{name} {known}"));
                }
                let only = list(&hub, &staff, &format!("{path}?{name}={known}")).await;
                assert_eq!(only["meta"]["total"], counts[*known], "{minutes} {path} {known}");
                assert!(words_of(&only, name).iter().all(|word| word == known));
            }
        }
    }
    assert_eq!(seen.len(), healths.len() + states.len(), "{seen:?}");
}

#[tokio::test]
async fn what_was_heard_before_an_update_of_the_hub_is_rated_by_todays_rules() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    let mut beat = heartbeat();
    beat["disk_used_percent"] = json!(95);
    hub.json("POST", HEARTBEAT, Some(&key), &beat).await;
    let beat = serde_json::from_value(beat).unwrap();
    let old = letsbe_store::Beat::new(letsbe_store::token_hash(&key), &beat).unwrap();
    hub.store.take_heartbeats(vec![old], hub.clock.now()).await.unwrap()[0].clone().unwrap();
    let troubled = async |hub: &Hub| list(hub, &staff, TENANTS).await["meta"]["counts"]["troubled"].clone();
    assert_eq!(troubled(&hub).await, 0, "rated by no rules");
    let (another, _) = hub.another_process().await;
    another.driven([tasks::health_ratings(another.store.clone())]);
    let rated = async || {
        while troubled(&another).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), rated()).await.unwrap();
    assert_eq!(list(&another, &staff, TENANTS).await["data"][0]["id"], tenant.to_string());
}

#[tokio::test]
async fn every_row_of_a_list_is_on_one_page_whoever_asks_and_however_many_are_equal() {
    let (hub, staff) = Hub::with_staff().await;
    for number in 1..=23 {
        registered(&hub, number).await;
    }
    for path in [ORDERS, TENANTS, BACKUPS] {
        let id = if path == BACKUPS { "tenant" } else { "id" };
        let mut seen = std::collections::BTreeSet::new();
        for page in 1..=5 {
            let answer = list(&hub, &staff, &format!("{path}?pageSize=5&page={page}")).await;
            assert_eq!((&answer["meta"]["total"], &answer["meta"]["page"]), (&json!(23), &json!(page)));
            seen.extend(all(&answer, id));
        }
        assert_eq!(seen.len(), 23, "{path}");
    }
}

#[tokio::test]
async fn the_pages_say_how_many_need_somebody_and_keep_what_was_searched_for() {
    let (hub, staff) = Hub::with_staff().await;
    tenants(&hub, &staff).await;
    let page = hub.page("/tenants?pageSize=5").await.body;
    let needs = list(&hub, &staff, TENANTS).await["meta"]["counts"]["needs_you"].clone();
    assert!(page.contains(&format!("<strong>{needs}</strong> need you")), "{page}");
    assert!(page.contains("Lost, being replaced"), "{page}");
    let row = page.split("<tr>").find(|row| row.contains("Lost, being replaced")).unwrap();
    assert!(!row.contains("2 of 2") && !row.contains("Key revoked"), "of a server that is no more: {row}");
    let page = hub.page("/tenants?health=troubled&q=acme&pageSize=5").await.body;
    assert!(page.contains("/tenants?q=acme&#38;health=troubled&#38;page=2&#38;pageSize=5"), "{page}");
    assert!(page.contains("class=\"warn\""), "numbers that are wrong stand out: {page}");
    let failed = hub.page("/tenants?health=troubled&pageSize=50").await.body;
    assert!(failed.contains("The last run failed: 21 Nov 2026, 02:00:00 UTC"), "{failed}");
    let evil = hub.page("/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await.body;
    assert!(!evil.contains("<script>alert") && evil.contains("Nothing found"), "{evil}");
    assert_eq!(hub.page("/backups?state=silent").await.status, StatusCode::BAD_REQUEST);
    assert!(hub.page("/backups?state=failed").await.body.contains("need you"));
}
