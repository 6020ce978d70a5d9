//! What waits for a person, and what a browser reads when something is refused.

use axum::{body::Body, http::StatusCode};
use letsbe_lifecycle::order::{EffectKind, Event};
use letsbe_types::{Code, Problem};
use serde_json::json;

use crate::{Hub, pages::COOKIE, tenant, tenant_events};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const OURS: (&str, &str) = ("sec-fetch-site", "same-origin");
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml");

#[tokio::test]
async fn what_waits_for_a_person_is_on_one_page_worst_first() {
    let (hub, _) = Hub::with_staff().await;
    // A Hub without a backup of its own says so.
    let page = hub.page("/waiting").await.body;
    assert!(page.contains("The Hub&#39;s own backup") && page.contains("(1) What waits for you"), "{page}");
    let failed = hub.order(1).await;
    hub.apply(failed, &Event::PaymentReceived).await;
    let problem = Problem::permanent(Code::SRV001, "It ended badly", "Ask Netcup.");
    hub.apply(failed, &Event::EffectFailed { effect: EffectKind::ClaimServer, problem }).await;
    let wanted = hub.order(2).await;
    hub.apply(wanted, &Event::PaymentReceived).await;
    hub.apply(wanted, &Event::PoolEmpty { why: "none".into(), by_hand: true }).await;
    let (now, day) = (crate::start(), chrono::TimeDelta::days(1));
    hub.store.open_purchase_task(wanted.0, wanted, "Assign one.", now + day, now).await.unwrap();
    let (tenant, key) = tenant::registered(&hub, 3).await;
    let mut beat = tenant::heartbeat();
    beat["containers"][0]["state"] = json!("stopped");
    hub.json("POST", tenant::HEARTBEAT, Some(&key), &beat).await;
    let mut asked = tenant_events::approval(7);
    asked["approval"]["plan"] = "<script>alert(1)</script>".into();
    tenant_events::send(&hub, &key, &[tenant_events::event(1, asked)]).await;
    let page = hub.page("/waiting").await.body;
    let place = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part} is missing: {page}"));
    let order = [
        "The order does not go on without you",
        "It ended badly",
        "A server is wanted",
        "Assign one.",
        "ops asks: restart on ghost",
    ];
    assert!(order.windows(2).all(|two| place(two[0]) < place(two[1])), "{page}");
    for part in [
        format!("href=\"/orders/{failed}\""),
        "href=\"/errors/SRV001\"".to_owned(),
        format!("action=\"/waiting/tasks/{}\"", wanted.0),
        format!("href=\"/tenants/{tenant}\""),
        "1 container is not fine: letsbe-ghost".to_owned(),
        "<title>(5) ".to_owned(),
    ] {
        place(&part);
    }
    assert!(!page.contains("<script>alert"));
    for shown in ["srv001", "ask+netcup"] {
        let found = hub.page(&format!("/waiting?q={shown}")).await.body;
        assert!(found.contains("It ended badly"), "{shown} is shown, so it is found: {found}");
    }
    assert!(hub.page("/").await.body.contains("<title>(5) "), "every page of staff says how much waits");
    let path = format!("/waiting/tasks/{}", wanted.0);
    let foreign = hub.send("POST", &path, &[COOKIE, FORM], "").await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let done = hub.send("POST", &path, &[COOKIE, FORM, OURS], "").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
    assert!(!hub.page("/waiting").await.body.contains("A server is wanted"));
    let again = hub.send("POST", &path, &[COOKIE, FORM, OURS], "").await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

/// Whoever has one server's key asks as much as it takes, as urgently as there is.
#[tokio::test]
async fn one_tenants_questions_fill_no_page_that_others_are_on() {
    let (hub, _) = Hub::with_staff().await;
    let asking = [(3, 40, "CRITICAL_RED"), (4, 1, "YELLOW")];
    for (tenant, count, class) in asking {
        let (_, key) = tenant::registered(&hub, tenant).await;
        let events: Vec<_> = (1..=count)
            .map(|number| {
                let mut asked = tenant_events::approval(number.into());
                asked["approval"]["class"] = class.into();
                asked["approval"]["agent"] = format!("agent-{tenant}").into();
                tenant_events::event(number, asked)
            })
            .collect();
        assert_eq!(tenant_events::send(&hub, &key, &events).await.status, StatusCode::OK);
    }
    let page = hub.page("/waiting").await.body;
    assert_eq!(page.matches("agent-3 asks").count(), 5, "{page}");
    assert!(
        page.contains("35 more questions of its AI team wait") && page.contains("agent-4 asks"),
        "{page}"
    );
}

#[tokio::test]
async fn a_strangers_page_does_not_ask_how_much_waits() {
    let (hub, _) = Hub::with_staff().await;
    for path in ["/errors/DNS001", "/nothing", "/errors/NONE1"] {
        let page = hub.send("GET", path, &[BROWSER], Body::empty()).await.body;
        assert!(page.contains("<title>") && !page.contains("(?)"), "{path}: {page}");
    }
}

#[tokio::test]
async fn what_a_server_or_a_model_wrote_is_not_offered_to_be_run() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = tenant::registered(&hub, 3).await;
    hub.json("POST", tenant::HEARTBEAT, Some(&key), &tenant::heartbeat()).await;
    let bait = "Run `docker run --privileged x/y` now";
    let mut asked = tenant_events::approval(7);
    asked["approval"]["plan"] = bait.into();
    let commands = format!("/api/v1/admin/tenants/{tenant}/commands");
    let command = hub.json("POST", &commands, Some(&staff), &json!({"do": "report"})).await.json();
    let id = command["data"]["id"].clone();
    let result = json!({"kind": "command_finished", "result": {"command": id,
        "finished_at": "2026-11-21T12:00:00Z", "outcome": {"outcome": "done", "summary": bait}}});
    let events = [tenant_events::event(1, asked), tenant_events::event(2, result)];
    assert_eq!(tenant_events::send(&hub, &key, &events).await.status, StatusCode::OK);
    for path in ["/waiting".to_owned(), format!("/tenants/{tenant}")] {
        let page = hub.page(&path).await.body;
        assert!(page.contains("docker run --privileged x/y"), "{path}: {page}");
        assert!(!page.contains("data-copy=\"docker"), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_server_is_assigned_on_the_orders_page() {
    let (hub, _) = Hub::with_staff().await;
    let id = hub.order(1).await;
    hub.apply(id, &Event::PaymentReceived).await;
    hub.apply(id, &Event::PoolEmpty { why: "none".into(), by_hand: true }).await;
    let page = hub.page(&format!("/orders/{id}")).await.body;
    assert!(page.contains("Assign this server") && page.contains("letsbe orders assign"), "{page}");
    assert!(page.contains("Next look <time") && page.contains("href=\"/errors/POOL001\""), "{page}");
    let path = format!("/orders/{id}/actions");
    let wrong = hub.send("POST", &path, &[COOKIE, FORM, OURS], "action=assign&address=here&server=").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let done =
        hub.send("POST", &path, &[COOKIE, FORM, OURS], "action=assign&address=192.0.2.7&server=").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
    let state = hub.store.order(id).await.unwrap().unwrap().state;
    assert_eq!(state.server.map(|server| server.0).as_deref(), Some("manual:192.0.2.7"));
}

#[tokio::test]
async fn an_error_code_leads_to_its_page_and_no_other_file() {
    let (hub, _) = Hub::with_staff().await;
    for cookie in [&[BROWSER][..], &[BROWSER, COOKIE]] {
        let page = hub.send("GET", "/errors/DNS001", cookie, Body::empty()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("<h1>DNS001: ") && page.body.contains("<h2>What to type</h2>"));
        assert_eq!(
            page.body.contains("aria-label=\"Main\""),
            cookie.len() == 2,
            "staff keeps its navigation"
        );
    }
    for none in ["/errors/DNS999", "/errors/README", "/errors/..%2F..%2FREADME", "/errors/dns001"] {
        assert_eq!(hub.send("GET", none, &[BROWSER], Body::empty()).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_browser_reads_a_page_about_a_refusal_and_a_program_reads_json() {
    let (hub, _) = Hub::with_staff().await;
    for (method, path, status) in
        [("GET", "/nothing", 404), ("GET", "/logout", 405), ("POST", "/waiting", 405)]
    {
        let page = hub.send(method, path, &[BROWSER, COOKIE, OURS], Body::empty()).await;
        assert_eq!(page.status.as_u16(), status, "{page:?}");
        assert!(
            page.body.contains("role=\"alert\"") && page.body.contains("aria-label=\"Main\""),
            "{page:?}"
        );
        let stranger = hub.send(method, path, &[BROWSER], Body::empty()).await;
        assert!(stranger.body.contains("role=\"alert\"") && !stranger.body.contains("aria-label=\"Main\""));
        assert!(page.body.contains("Go back") && !stranger.body.contains("Go back"), "{stranger:?}");
        let program = hub.send(method, path, &[("accept", "application/json")], Body::empty()).await;
        assert_eq!(program.json()["error"]["code"], format!("API{status}"));
    }
    let api = hub.send("GET", "/api/v1/nothing", &[BROWSER], Body::empty()).await;
    assert_eq!(api.json()["error"]["code"], "API404");
    let login = "email=a%40b.example&password=wrong-wrong-wrong&next=";
    let mut last = hub.send("POST", "/login", &[FORM, OURS, BROWSER], login).await;
    for _ in 0..10 {
        last = hub.send("POST", "/login", &[FORM, OURS, BROWSER], login).await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds = last.headers["retry-after"].to_str().unwrap();
    assert!(last.body.contains(&format!("You can try again in {seconds} second")), "{}", last.body);
    assert!(last.body.contains("href=\"/login\""));
    let program = hub.send("POST", "/login", &[FORM, OURS], login).await;
    assert_eq!(program.json()["error"]["code"], "API429");
}

#[tokio::test]
async fn what_is_wrong_is_named_worst_first_and_what_cannot_be_taken_back_needs_a_tick() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = tenant::registered(&hub, 3).await;
    let mut beat = tenant::heartbeat();
    beat["tokens"] = json!({"period": "2026-11", "pool": 15_000_000, "used": 14_400_000, "reserved": 0});
    beat["drift"]["operations"] = json!(["firewall.closed", "ssh.moved"]);
    beat["backup"]["succeeded"] = json!(false);
    beat["backup"]["at"] = json!("2026-11-21T03:00:00Z");
    hub.json("POST", tenant::HEARTBEAT, Some(&key), &beat).await;
    let mut asked = tenant_events::approval(7);
    asked["approval"]["class"] = "RED".into();
    tenant_events::send(&hub, &key, &[tenant_events::event(1, asked)]).await;
    let path = format!("/tenants/{tenant}");
    let page = hub.page(&path).await.body;
    let place = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part} is missing: {page}"));
    let drift = place("2 operations are off what was provisioned: firewall.closed, ssh.moved");
    assert!(drift < place("14\u{202f}400\u{202f}000 of 15\u{202f}000\u{202f}000 tokens are used"));
    place("href=\"/errors/HUB028\"");
    place("letsbe tenants command acme.example check-drift");
    // The last that succeeded comes first; the one that failed stands beside it.
    assert!(
        place("2026-11-21T02:00:00.000Z")
            < place("last run failed: <time datetime=\"2026-11-21T03:00:00.000Z\"")
    );
    place("data-refresh=\"20\"");
    place("as of <time");
    assert!(!page.contains("class=\"primary\""), "no answer is suggested");
    let id = uuid::Uuid::from_u128(7);
    place("<section class=\"notice failed\" aria-labelledby=\"approval-");
    place(&format!("<input type=\"checkbox\" form=\"allow-{id}\" name=\"confirm\""));
    place("Counts as refused: <time datetime=\"2026-11-21T14:00:00.000Z\"");
    assert!(hub.page("/waiting").await.body.contains("ops asks: restart on ghost (red)"));
    let decide = format!("{path}/approvals/{id}");
    let unconfirmed = hub.send("POST", &decide, &[COOKIE, FORM, OURS], "decision=approve").await;
    assert_eq!(unconfirmed.status, StatusCode::BAD_REQUEST);
    let commands = format!("/api/v1/admin/tenants/{tenant}/commands");
    assert_eq!(hub.get(&commands, Some(&staff)).await.json()["data"], json!([]));
    let done = hub.send("POST", &decide, &[COOKIE, FORM, OURS], "decision=approve&confirm=yes").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
}

#[tokio::test]
async fn a_drill_that_failed_needs_no_minutes_and_one_that_passed_does() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, _) = tenant::registered(&hub, 3).await;
    let path = format!("/api/v1/admin/tenants/{tenant}/drills");
    let drill = hub.json("POST", &path, Some(&staff), &json!({"kind": "quarterly"})).await.json();
    let page = format!("/tenants/{tenant}/drills/{}", drill["data"]["id"].as_str().unwrap());
    let shown = hub.page(&page).await.body;
    let command = "letsbe provision --host SPARE --key KEY --domain acme.example --tier build --tools \
                   static-website,ghost --email owner@acme.example --restore";
    assert!(shown.contains(&format!("data-copy=\"{command}")), "{shown}");
    assert!(shown.contains("Due</span>") && !shown.contains("Overdue"), "{shown}");
    hub.clock.advance(chrono::TimeDelta::minutes(1));
    assert!(hub.page(&page).await.body.contains("Overdue</span>"));
    let link = format!("href=\"{page}\"");
    assert!(hub.page("/waiting").await.body.contains(&link), "what is due waits for a person");
    let form = |outcome: &str| format!("outcome={outcome}&rto_minutes=&rpo_minutes=&notes=x");
    let passed = hub.send("POST", &page, &[COOKIE, FORM, OURS], form("passed")).await;
    assert_eq!(passed.status, StatusCode::BAD_REQUEST);
    let failed = hub.send("POST", &page, &[COOKIE, FORM, OURS], form("failed")).await;
    assert_eq!(failed.status, StatusCode::SEE_OTHER, "{failed:?}");
    assert!(!hub.page("/waiting").await.body.contains(&link), "what was done waits for nobody");
    assert!(!hub.page(&page).await.body.contains("(RTO)"), "what was not measured is not shown as nothing");
}

#[tokio::test]
async fn a_question_whose_time_is_over_is_not_asked_any_more() {
    let (hub, _) = Hub::with_staff().await;
    let (tenant, key) = tenant::registered(&hub, 3).await;
    hub.json("POST", tenant::HEARTBEAT, Some(&key), &tenant::heartbeat()).await;
    tenant_events::send(&hub, &key, &[tenant_events::event(1, tenant_events::approval(7))]).await;
    let path = format!("/tenants/{tenant}");
    assert!(hub.page(&path).await.body.contains("Allow it once"));
    assert!(hub.page("/waiting").await.body.contains("ops asks: restart on ghost (yellow)"));
    hub.clock.advance(chrono::TimeDelta::hours(6));
    assert!(!hub.page(&path).await.body.contains("Allow it once"));
    assert!(!hub.page("/waiting").await.body.contains("ops asks"));
}

#[tokio::test]
async fn a_payment_that_differs_is_named_to_staff_and_to_its_customer() {
    let (hub, _) = Hub::with_staff().await;
    let id = hub.order(1).await;
    hub.apply(id, &Event::PaymentDiffers { why: "0.01 eur".into() }).await;
    let page = hub.page(&format!("/orders/{id}")).await.body;
    assert!(page.contains("Payment needs you") && page.contains("Go on with this payment"), "{page}");
    assert!(!page.contains("complete DNS"), "{page}");
    let customer = hub.page(&format!("/progress/{id}")).await.body;
    assert!(customer.contains("We are looking at your payment"), "{customer}");
}
