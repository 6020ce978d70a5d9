//! Keys in escrow: whoever has a tenant's agent key can add to them, slowly and seen, and take none away.

use std::io::Write as _;

use age::{
    Encryptor, Recipient,
    armor::{ArmoredWriter, Format},
    x25519::Identity,
};
use axum::http::StatusCode;
use chrono::TimeDelta;
use letsbe_types::{backups::AlarmKind, clock::Clock as _, ids::OrderId};
use serde_json::{Value, json};

use crate::{
    Answer, Hub,
    tenant::{HEARTBEAT, heartbeat, registered},
    tenant_events::{event, send},
};

/// Some keys, sealed for so many recipients; each time another text.
pub(crate) fn sealed_keys(recipients: usize) -> String {
    let known: Vec<_> = (0..recipients).map(|_| Identity::generate().to_public()).collect();
    let encryptor = Encryptor::with_recipients(known.iter().map(|it| it as &dyn Recipient)).unwrap();
    let armour = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).unwrap();
    let mut writer = encryptor.wrap_output(armour).unwrap();
    writer.write_all(b"registry_key=ab\nbackup_repository_key=cd\n").unwrap();
    String::from_utf8(writer.finish().unwrap().finish().unwrap()).unwrap()
}

fn escrowed(sealed: &str, recipients: &[&str], fingerprint: Option<&str>) -> Value {
    let mut event = json!({"kind": "escrowed", "sealed": sealed, "recipients": recipients});
    if let Some(fingerprint) = fingerprint {
        event["fingerprint"] = json!(fingerprint.repeat(32));
    }
    event
}

fn ours(sealed: &str) -> Value {
    escrowed(sealed, &["age1first"], Some("aa"))
}

async fn kinds(hub: &Hub, tenant: OrderId) -> Vec<AlarmKind> {
    hub.store.alarms(tenant).await.unwrap().into_iter().map(|alarm| alarm.kind).collect()
}

async fn kept(hub: &Hub, tenant: OrderId) -> Vec<String> {
    hub.store.escrows(tenant).await.unwrap().into_iter().map(|keys| keys.sealed).collect()
}

fn seconds(answer: &Answer) -> i64 {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn ten_garbage_events_take_no_key_away_and_stay_seen_until_a_person_has_looked() {
    let (hub, _) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    let first = sealed_keys(1);
    assert_eq!(send(&hub, &key, &[event(1, ours(&first))]).await.status, StatusCode::OK);
    assert!(kinds(&hub, tenant).await.is_empty());
    let garbage: Vec<Value> = (2..12).map(|n| event(n, ours(&format!("garbage {n}")))).collect();
    for _ in 0..3 {
        let answer = send(&hub, &key, &garbage).await;
        assert_eq!((answer.status, answer.fields().len()), (StatusCode::BAD_REQUEST, 10));
    }
    assert_eq!(kept(&hub, tenant).await, [first.as_str()]);
    assert_eq!(kinds(&hub, tenant).await, [AlarmKind::KeysRefused], "one line, however often it is sent");
    // A key that is none raises no alarm at anybody's.
    assert_eq!(send(&hub, "nobody", &garbage).await.status, StatusCode::BAD_REQUEST);
    // What looks right is kept beside the first, up to a day's share, and the rest waits.
    let forged: Vec<String> = (0..10).map(|_| sealed_keys(1)).collect();
    let events: Vec<Value> = (2..).zip(&forged).map(|(n, text)| event(n, ours(text))).collect();
    let taken = send(&hub, &key, &events).await;
    assert_eq!(taken.json()["data"]["taken_through"], 4, "{taken:?}");
    assert!(seconds(&send(&hub, &key, &events[3..]).await) > 80_000);
    let all = kept(&hub, tenant).await;
    assert_eq!((all.len(), all.last()), (4, Some(&first)));
    assert_eq!(kinds(&hub, tenant).await, [AlarmKind::KeysChanged, AlarmKind::KeysRefused]);
    hub.clock.advance(TimeDelta::days(1) + TimeDelta::seconds(1));
    assert_eq!(send(&hub, &key, &events[3..]).await.json()["data"]["taken_through"], 8);
    let person = hub.store.staff_by_email(crate::EMAIL).await.unwrap().unwrap();
    let (now, staff) = (hub.clock.now(), "another-session");
    let until = now + TimeDelta::hours(12);
    hub.store.create_session(&letsbe_store::token_hash(staff), person.id, until, now).await.unwrap();
    // After years the first is there, and can be named.
    let path = format!("/api/v1/admin/tenants/{tenant}");
    let listed = hub.get(&format!("{path}/escrow"), Some(staff)).await.json();
    let listed = listed["data"].as_array().unwrap();
    assert_eq!((listed.len(), &listed[7]["sealed"]), (8, &json!(first)));
    assert!(listed.windows(2).all(|pair| pair[0]["number"].as_u64() > pair[1]["number"].as_u64()));
    // A person sees it wherever the tenant is shown, and says that it was seen.
    hub.json("POST", HEARTBEAT, Some(&key), &heartbeat()).await;
    let shown = hub.get(&path, Some(staff)).await;
    assert!(shown.body.contains("keys in escrow: they were sealed anew"), "{}", shown.body);
    let headers = [("authorization", format!("Bearer {staff}"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for page in [format!("/tenants/{tenant}"), format!("/tenants/{tenant}/backups")] {
        let page = hub.send("GET", &page, &headers, String::new()).await;
        assert!(page.body.to_lowercase().contains("keys in escrow"), "{}", page.body);
    }
    for alarm in hub.store.alarms(tenant).await.unwrap() {
        let path = format!("{path}/alarms/{}", alarm.id);
        assert_eq!(hub.json("POST", &path, Some(staff), &json!({})).await.status, StatusCode::OK);
    }
    let shown = hub.get(&path, Some(staff)).await;
    assert!(!shown.json()["data"]["troubles"].to_string().contains("escrow"), "{}", shown.body);
}

#[tokio::test]
async fn a_change_of_recipients_raises_no_alarm_and_other_keys_or_strangers_do() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    let first = [event(1, ours(&sealed_keys(1)))];
    send(&hub, &key, &first).await;
    assert_eq!(send(&hub, &key, &first).await.status, StatusCode::OK, "told again");
    // The Hub names other people; the server seals the same keys for them.
    let both = vec!["age1first".to_owned(), "age1second".to_owned()];
    let others = letsbe_store::Defaults { escrow_recipients: both, ..crate::defaults() };
    hub.store.prepare_configurations(&others).await.unwrap();
    let two = escrowed(&sealed_keys(2), &["age1second", "age1first"], Some("aa"));
    send(&hub, &key, &[event(2, two)]).await;
    assert_eq!((kept(&hub, tenant).await.len(), kinds(&hub, tenant).await), (2, vec![]));
    // And the first one alone again.
    hub.store.prepare_configurations(&crate::defaults()).await.unwrap();
    send(&hub, &key, &[event(3, ours(&sealed_keys(1)))]).await;
    assert_eq!((kept(&hub, tenant).await.len(), kinds(&hub, tenant).await), (3, vec![]));
    hub.store.prepare_configurations(&others).await.unwrap();
    // Nobody's wish: taken as an event, and not kept.
    let stranger = escrowed(&sealed_keys(1), &["age1stranger"], Some("aa"));
    assert_eq!(send(&hub, &key, &[event(4, stranger)]).await.json()["data"]["taken_through"], 4);
    assert_eq!(
        (kept(&hub, tenant).await.len(), kinds(&hub, tenant).await),
        (3, vec![AlarmKind::KeysRefused])
    );
    // Named for two, sealed for one: somebody would be missing on the day it counts.
    let fewer = escrowed(&sealed_keys(1), &["age1first", "age1second"], Some("aa"));
    assert_eq!(send(&hub, &key, &[event(5, fewer)]).await.fields(), ["events[0].sealed"]);
    let other_keys = escrowed(&sealed_keys(2), &["age1first", "age1second"], Some("bb"));
    send(&hub, &key, &[event(5, other_keys)]).await;
    assert_eq!(kept(&hub, tenant).await.len(), 4);
    assert_eq!(kinds(&hub, tenant).await, [AlarmKind::KeysChanged, AlarmKind::KeysRefused]);
}
