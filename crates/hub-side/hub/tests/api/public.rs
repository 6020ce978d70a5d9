//! `/api/v1/public`

use axum::http::StatusCode;
use letsbe_hub::{AppState, Shared, config::PaymentTerms, router};
use letsbe_lifecycle::order::{Event, Phase};
use serde_json::{Value, json};

use crate::Hub;

const PATH: &str = "/api/v1/public/orders";

pub(crate) fn good() -> Value {
    json!({
        "domain": "Acme.Example", "email": "owner@acme.example", "tier": "build", "region": "eu",
        "tools": ["static-website", "ghost", "nocodb"],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut request = good();
    request[name] = value;
    request
}

#[tokio::test]
async fn a_good_request_becomes_an_order_that_waits_for_payment() {
    let hub = Hub::new().await;
    let answer = hub.json("POST", PATH, None, &good()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let id: letsbe_types::ids::OrderId = answer.json()["data"]["order_id"].as_str().unwrap().parse().unwrap();
    insta::assert_snapshot!(answer.shown().replace(&id.to_string(), "[id]"));
    let order = hub.store.order(id).await.unwrap().unwrap();
    assert_eq!(order.state.phase, Phase::AwaitingPayment);
    assert_eq!(order.new.domain.as_str(), "acme.example");
    assert_eq!(order.new.tools.len(), 3);
    assert_eq!(order.new.identity.0.len(), 32, "a random identity");
    assert_eq!(hub.store.outbox_counts().await.unwrap(), (0, 0), "no work before the money");
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_stored() {
    let hub = Hub::new().await;
    let all_wrong = json!({
        "domain": "localhost", "email": "nobody", "tier": "huge", "region": "moon", "tools": ["ghost", "n8n"],
    });
    let answer = hub.json("POST", PATH, None, &all_wrong).await;
    insta::assert_snapshot!(answer.shown());
    for (request, named) in [
        (with("domain", json!("10.0.0.1")), "domain"),
        (with("email", json!("a@b.com\r\nBcc: x@y.z")), "email"),
        (with("tier", json!(3)), "tier"),
        (with("region", json!("EU")), "region"),
        (with("tools", json!([])), "tools"),
        (with("tools", json!(["ghost", "ghost"])), "tools[1]"),
        (with("tools", json!(["nginx"])), "tools[0]"),
        (with("coupon", json!("FREE")), "coupon"),
    ] {
        let answer = hub.json("POST", PATH, None, &request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{request}");
        assert_eq!(answer.fields(), [named], "{request}");
    }
    assert_eq!(hub.store.orders(0, 10).await.unwrap().1, 0);
}

#[tokio::test]
async fn what_a_chosen_tool_cannot_keep_is_refused_and_what_people_type_is_taken() {
    let hub = Hub::new().await;
    for (name, typed, kept) in [
        ("domain", "www.acme.example", "acme.example"),
        ("domain", "Bäckerei-Müller.de", "xn--bckerei-mller-bfb28a.de"),
        ("email", "o'brien+laden@acme.example", "o'brien+laden@acme.example"),
    ] {
        let answer = hub.json("POST", PATH, None, &with(name, json!(typed))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{typed}: {answer:?}");
        let id = answer.json()["data"]["order_id"].as_str().unwrap().parse().unwrap();
        let order = hub.store.order(id).await.unwrap().unwrap().new;
        let found = if name == "domain" { order.domain.as_str() } else { order.email.as_str() };
        assert_eq!(found, kept);
    }
    let stored = hub.store.orders(0, 10).await.unwrap().1;
    // Ghost keeps addresses of up to 191 letters.
    let long = format!("{}@{}.{}.{}.example", "a".repeat(64), "b".repeat(60), "c".repeat(60), "d".repeat(10));
    let deep = format!("{}.{}.{}.{}.de", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(57));
    for (name, typed) in [("email", long), ("domain", deep), ("domain", "xn--99999999.de".to_owned())] {
        let answer = hub.json("POST", PATH, None, &with(name, json!(typed))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{typed}: {answer:?}");
        assert!(answer.fields().iter().all(|field| field == name), "{typed}: {answer:?}");
    }
    assert_eq!(hub.store.orders(0, 10).await.unwrap().1, stored);
}

impl Hub {
    /// One that takes real money.
    async fn for_real_money() -> Self {
        let hub = Self::new().await;
        let payments = PaymentTerms { live: true, free: false };
        let public_url = "https://hub.letsbe.de".into();
        let state = AppState::from(Shared { payments, public_url, ..Shared::clone(&hub.state()) });
        Self { router: router(state.clone()), state, ..hub }
    }
}

#[tokio::test]
async fn a_domain_under_which_nothing_can_be_delivered_is_refused_before_the_payment() {
    let hub = Hub::for_real_money().await;
    let ordered = async |domain: &str, email: &str| {
        let mut request = with("domain", json!(domain));
        request["email"] = json!(email);
        hub.json("POST", PATH, None, &request).await
    };
    for domain in [
        "acme.test",
        "Acme.EXAMPLE.",
        "shop.invalid",
        "a.localhost",
        "drucker.local",
        "abc.onion",
        "crm.internal",
        "a.alt",
        "nas.home.arpa",
        "example.com",
        "www.example.org",
        "co.uk",
        "p\u{430}ypal.com",
    ] {
        let answer = ordered(domain, "owner@acme.de").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{domain}");
        assert_eq!(answer.fields(), ["domain"], "{domain}: {answer:?}");
    }
    for domain in ["hub.letsbe.de", "letsbe.de", "acme.LetsBe.de."] {
        let answer = ordered(domain, "owner@acme.de").await;
        assert_eq!(answer.fields(), ["domain"], "{domain}: {answer:?}");
        assert!(answer.body.contains("is ours"), "{domain}: {answer:?}");
    }
    let answer = ordered("acme.de", "owner@acme.test").await;
    assert_eq!((answer.status, answer.fields()), (StatusCode::BAD_REQUEST, vec!["email".to_owned()]));
    for (domain, kept) in [
        ("www.acme.de", "acme.de"),
        ("WWW.Acme.co.uk.", "acme.co.uk"),
        ("www.co.uk", "www.co.uk"),
        ("БЮРО.рф", "xn--90a0af9c.xn--p1ai"),
        ("xn--pypal-4ve.com", "xn--pypal-4ve.com"),
    ] {
        let answer = ordered(domain, "owner@acme.de").await;
        assert_eq!(answer.status, StatusCode::CREATED, "{domain}: {answer:?}");
        let id = answer.json()["data"]["order_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(hub.store.order(id).await.unwrap().unwrap().new.domain.as_str(), kept);
    }
    // A Hub that takes no real money may have a zone of its own.
    let lab = Hub::new().await;
    let answer = lab.json("POST", PATH, None, &with("domain", json!("acme.a.lab.test"))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
}

#[tokio::test]
async fn tools_that_do_not_fit_the_tier_are_refused_before_the_payment() {
    let hub = Hub::new().await;
    let many = ["nextcloud", "odoo", "ghost", "nocodb", "wordpress", "uptime-kuma", "portainer"];
    let mut request = with("tier", json!("lite"));
    request["tools"] = json!(many);
    let answer = hub.json("POST", PATH, None, &request).await;
    assert_eq!((answer.status, answer.fields()), (StatusCode::BAD_REQUEST, vec!["tools".to_owned()]));
    let message = answer.json()["error"]["details"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("lite") && message.contains("MB"), "{message}");
    assert_eq!(hub.store.orders(0, 10).await.unwrap().1, 0);
}

#[tokio::test]
async fn progress_tells_phase_and_percent_only() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    hub.apply(id, &Event::PaymentReceived).await;
    let answer = hub.get(&format!("{PATH}/{id}"), None).await;
    insta::assert_snapshot!(answer.shown());
}
