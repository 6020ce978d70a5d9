//! A tenant's key fills nothing up: too much waits, the Hub's own clock counts, and nobody else notices.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{Allowance, Quotas};
use letsbe_types::{backups::AlarmKind, clock::Clock as _};
use serde_json::{Value, json};

use crate::{
    Hub, start,
    tenant::registered,
    tenant_events::{approval, event, send},
};

fn tokens(hour: &str, model: &str, input: u64) -> Value {
    json!({"kind": "tokens_used", "hour": hour, "model": model, "input": input, "output": 1, "requests": 1})
}

fn few() -> Quotas {
    let allowance = Allowance { at_once: 200, a_day: 100 };
    Quotas { events: allowance, kept_events: 120, ..Quotas::default() }
}

fn batch(from: u64, count: u64) -> Vec<Value> {
    (from..from + count).map(|n| event(n, tokens("2026-11-21T11:00:00Z", "lab/model", 1))).collect()
}

#[tokio::test]
async fn a_flood_waits_with_one_alarm_and_other_tenants_do_not_notice() {
    let hub = Hub::limited(few()).await;
    let (tenant, key) = registered(&hub, 1).await;
    let (other, other_key) = registered(&hub, 2).await;
    for from in [1, 101] {
        assert_eq!(send(&hub, &key, &batch(from, 100)).await.status, StatusCode::OK);
    }
    for from in [201, 301, 201] {
        let answer = send(&hub, &key, &batch(from, 100)).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
        let wait: i64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((80_000..=86_400).contains(&wait), "{wait}");
    }
    // What was taken already costs nothing when it is told again.
    assert_eq!(send(&hub, &key, &batch(190, 11)).await.status, StatusCode::OK);
    let alarms = hub.store.alarms(tenant).await.unwrap();
    assert_eq!(alarms.iter().map(|alarm| alarm.kind).collect::<Vec<_>>(), [AlarmKind::Flooded]);
    assert_eq!(send(&hub, &other_key, &batch(1, 100)).await.status, StatusCode::OK);
    assert!(hub.store.alarms(other).await.unwrap().is_empty());
    // Kept is a bounded number of the newest; nothing of another tenant's made room.
    let kept = hub.store.tenant_events(tenant, 1_000).await.unwrap().len();
    assert!(kept <= 120, "{kept}");
    assert_eq!(hub.store.tenant_events(other, 1_000).await.unwrap().len(), 100);
    // A day later the rest is taken: nothing that waited is lost.
    hub.clock.advance(TimeDelta::days(1));
    assert_eq!(send(&hub, &key, &batch(201, 100)).await.json()["data"]["taken_through"], 300);
}

#[tokio::test]
async fn a_huge_number_burns_none_of_the_events_after_it() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    assert_eq!(send(&hub, &key, &batch(1, 3)).await.json()["data"]["taken_through"], 3);
    let far = [event(4, approval(1)), event(9_000_000_000_000, approval(2))];
    let answer = send(&hub, &key, &far).await;
    assert_eq!(
        (answer.status, answer.fields()),
        (StatusCode::BAD_REQUEST, vec!["events[1].sequence".to_owned()])
    );
    // Within the bound it is taken, as after a long time away, and what it leaped over is still free.
    assert_eq!(send(&hub, &key, &batch(5_009, 1)).await.json()["data"]["taken_through"], 5_009);
    assert_eq!(send(&hub, &key, &batch(4, 10)).await.json()["data"]["taken_through"], 13);
    let used = hub.store.tokens(tenant, start() - TimeDelta::days(1)).await.unwrap();
    assert_eq!(used[0].input, 14, "3 + 1 + 10");
}

#[tokio::test]
async fn what_a_server_dates_into_another_century_is_forgotten_by_the_hubs_own_clock() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    let mut later = event(1, tokens("2199-01-01T00:00:00Z", "lab/model", 5));
    later["at"] = json!("2199-01-01T00:00:00Z");
    let mut asked = approval(1);
    asked["approval"]["requested_at"] = json!("2199-01-01T00:00:00Z");
    assert_eq!(send(&hub, &key, &[later, event(2, asked)]).await.status, StatusCode::OK);
    let events = hub.store.tenant_events(tenant, 10).await.unwrap();
    assert!(events.iter().all(|event| event.at <= hub.clock.now()), "{events:?}");
    let long_ago: DateTime<Utc> = "2000-01-01T00:00:00Z".parse().unwrap();
    let used = hub.store.tokens(tenant, long_ago).await.unwrap();
    assert!(used[0].start <= hub.clock.now() + TimeDelta::hours(1), "{used:?}");
    hub.clock.advance(TimeDelta::days(402));
    while hub.store.keep_up(hub.clock.now()).await.unwrap() {}
    assert!(hub.store.tenant_events(tenant, 10).await.unwrap().is_empty());
    assert!(hub.store.approvals(tenant).await.unwrap().is_empty());
    assert!(hub.store.tokens(tenant, long_ago).await.unwrap().is_empty());
}

#[tokio::test]
async fn models_of_an_hour_are_counted_by_name_up_to_a_bound_and_nothing_is_lost() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    let events: Vec<Value> =
        (1..=100).map(|n| event(n, tokens("2026-11-21T11:00:00Z", &format!("lab/model-{n}"), 1))).collect();
    assert_eq!(send(&hub, &key, &events).await.status, StatusCode::OK);
    let used = hub.store.tokens(tenant, start() - TimeDelta::days(1)).await.unwrap();
    assert_eq!(used.len(), 65);
    assert_eq!(used.iter().map(|used| used.input).sum::<u64>(), 100);
    assert!(used.iter().any(|used| used.model == "other" && used.input == 36));
}
