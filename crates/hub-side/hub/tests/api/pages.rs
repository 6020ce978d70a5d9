//! The pages, as a browser without scripts sees them.

use axum::{body::Body, http::StatusCode};
use letsbe_lifecycle::order::{Event, Phase};

use crate::{Answer, EMAIL, Hub, PASSWORD};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const OURS: (&str, &str) = ("sec-fetch-site", "same-origin");
pub(crate) const COOKIE: (&str, &str) = ("cookie", "theme=dark; letsbe_session=test-session");

impl Hub {
    pub(crate) async fn page(&self, path: &str) -> Answer {
        let answer = self.send("GET", path, &[COOKIE, ("accept", "text/html")], Body::empty()).await;
        let html = answer.headers["content-type"].to_str().unwrap();
        assert_eq!(html, "text/html; charset=utf-8", "{path}");
        assert!(
            !answer.body.contains("style=\"") && !answer.body.contains("onclick"),
            "inline code in {path}"
        );
        assert!(!answer.body.contains("://"), "something from elsewhere in {path}");
        answer
    }
}

#[tokio::test]
async fn strangers_are_led_to_the_login_and_back() {
    let (hub, _) = Hub::with_staff().await;
    let id = hub.order(1).await;
    let sent_away = hub.get(&format!("/orders/{id}"), None).await;
    assert_eq!(sent_away.headers["location"].to_str().unwrap(), format!("/login?next=/orders/{id}"));
    assert!(
        hub.page(&format!("/login?next=/orders/{id}"))
            .await
            .body
            .contains(&format!("value=\"/orders/{id}\""))
    );
    let login = |password: &str, next: &str| {
        format!("email={EMAIL}&password={}&next={next}", password.replace(' ', "+"))
    };
    let wrong = hub.send("POST", "/login", &[FORM, OURS], login("wrong", "/")).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.body.contains("role=\"alert\"") && !wrong.headers.contains_key("set-cookie"));
    let foreign = hub.send("POST", "/login", &[FORM], login(PASSWORD, "/")).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let right = hub.send("POST", "/login", &[FORM, OURS], login(PASSWORD, "//evil.example")).await;
    assert_eq!((right.status, right.headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/"));
    let cookie = right.headers["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let pair = cookie.split(';').next().unwrap();
    assert_eq!(hub.send("GET", "/", &[("cookie", pair)], Body::empty()).await.status, StatusCode::OK);
    let out = hub.send("POST", "/logout", &[("cookie", pair), OURS], Body::empty()).await;
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(hub.send("GET", "/", &[("cookie", pair)], Body::empty()).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_list_shows_state_and_problem_and_escapes_what_it_shows() {
    let (hub, _) = Hub::with_staff().await;
    assert!(hub.page("/").await.body.contains("No orders yet"));
    let id = hub.order_waiting_for_dns(1).await;
    let list = hub.page("/").await.body;
    for text in ["acme.example", "Waiting for DNS", "DNS_PENDING", "netcup:1", "1 DNS record is missing"] {
        assert!(list.contains(text), "{text}");
    }
    assert!(hub.page("/?page=9").await.body.contains("This page is empty"));
    assert_eq!(hub.page("/?page=0").await.status, StatusCode::BAD_REQUEST);
    let note = letsbe_store::NewEntry::new("effect", "ok", "<script>alert(1)</script>");
    hub.store.note(id, &note, crate::start()).await.unwrap();
    let order = hub.page(&format!("/orders/{id}")).await.body;
    assert!(!order.contains("<script>alert"));
    assert!(order.contains("datetime=\"2026-11-21T12:00:00.000Z\""));
    assert_eq!(hub.page("/orders/x").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_buttons_that_make_sense_are_there_and_only_our_own_form_presses_them() {
    let (hub, _) = Hub::with_staff().await;
    let id = hub.order_waiting_for_dns(1).await;
    let path = format!("/orders/{id}/actions");
    let body = hub.page(&format!("/orders/{id}")).await.body;
    for action in ["retry", "skip", "abandon"] {
        assert!(body.contains(&format!("name=\"action\" value=\"{action}\"")), "{action}");
    }
    for foreign in [&[COOKIE, FORM][..], &[COOKIE, FORM, ("sec-fetch-site", "cross-site")]] {
        let answer = hub.send("POST", &path, foreign, "action=abandon&reason=x&confirm=yes").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let ours = [COOKIE, FORM, OURS];
    let unconfirmed = hub.send("POST", &path, &ours, "action=abandon&reason=x").await;
    assert_eq!(unconfirmed.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.store.order(id).await.unwrap().unwrap().state.phase, Phase::DnsPending);
    let done = hub.send("POST", &path, &ours, "action=abandon&reason=asked+by+customer&confirm=yes").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(hub.store.order(id).await.unwrap().unwrap().state.phase, Phase::Stopped);
    let again = hub.send("POST", &path, &ours, "action=retry").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("Not possible now"));
    let body = hub.page(&format!("/orders/{id}")).await.body;
    assert!(!body.contains("name=\"action\""), "nothing to press on an order that has ended");
}

#[tokio::test]
async fn the_customer_reads_plain_words_and_no_internals() {
    let hub = Hub::new().await;
    let id = hub.order_waiting_for_dns(1).await;
    let path = format!("/progress/{id}");
    let waiting = hub.page(&path).await.body;
    assert!(waiting.contains("Your domain needs a few entries"));
    let row = |name: &str| {
        let rows = waiting.split("<tr>").find(|row| row.contains(&format!("<code>{name}</code>")));
        rows.unwrap_or_else(|| panic!("no entry for {name}: {waiting}")).to_owned()
    };
    for (name, now) in [("acme.example", "as it should be"), ("blog.acme.example", "nothing yet")] {
        let row = row(name);
        for part in ["<code>A</code>", "<code>192.0.2.7</code>", "data-copy=\"192.0.2.7\" hidden", now] {
            assert!(row.contains(part), "{part} is missing: {row}");
        }
    }
    assert!(!waiting.contains("cannot look the domain"));
    for internal in ["netcup", "owner@", "DNS001", "DNS_PENDING", "planted"] {
        assert!(!waiting.contains(internal), "{internal}");
    }
    hub.apply(id, &Event::OperatorAbandon { reason: "secret reason".into() }).await;
    let ended = hub.page(&path).await.body;
    assert!(ended.contains("This order has ended") && !ended.contains("secret reason"));
    assert_eq!(hub.page("/progress/nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_zone_that_cannot_be_read_takes_no_entry_from_the_customer() {
    let hub = Hub::new().await;
    let id = hub.order_waiting_for_dns(1).await;
    let why = "nobody is authoritative for acme.example: is the domain registered?".to_owned();
    hub.apply(id, &Event::DnsUnreadable { why }).await;
    let page = hub.page(&format!("/progress/{id}")).await.body;
    assert!(page.contains("We cannot look the domain acme.example up yet"));
    assert!(!page.contains("authoritative"), "plain words: {page}");
    for name in ["acme.example", "blog.acme.example"] {
        assert!(page.contains(&format!("<code>{name}</code>")), "{name} is missing: {page}");
    }
    assert_eq!(page.matches("<code>192.0.2.7</code>").count(), page.matches("not known").count());
}

#[tokio::test]
async fn assets_are_asked_for_again_but_not_sent_again() {
    let hub = Hub::new().await;
    for name in ["hub.css", "hub.js", "icon.svg"] {
        let path = format!("/assets/{name}");
        let first = hub.get(&path, None).await;
        assert_eq!(first.status, StatusCode::OK);
        let tag = first.headers["etag"].to_str().unwrap();
        let second = hub.send("GET", &path, &[("if-none-match", tag)], Body::empty()).await;
        assert_eq!((second.status, second.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }
}

#[tokio::test]
async fn tenants_are_shown_and_an_approval_is_decided_on_the_page() {
    let (hub, staff) = Hub::with_staff().await;
    assert!(hub.page("/tenants").await.body.contains("No tenants yet"));
    let (tenant, key) = crate::tenant::registered(&hub, 1).await;
    let mut beat = crate::tenant::heartbeat();
    beat["containers"][0]["state"] = serde_json::json!("stopped");
    hub.json("POST", crate::tenant::HEARTBEAT, Some(&key), &beat).await;
    let mut asked = crate::tenant_events::approval(7);
    asked["approval"]["plan"] = "<script>alert(1)</script>".into();
    crate::tenant_events::send(&hub, &key, &[crate::tenant_events::event(1, asked)]).await;
    let list = hub.page("/tenants").await.body;
    assert!(list.contains("Troubled") && list.contains("1 container is not fine: letsbe-ghost"), "{list}");
    let path = format!("/tenants/{tenant}");
    let page = hub.page(&path).await.body;
    assert!(page.contains("ops asks: restart on ghost") && page.contains("stopped"), "{page}");
    assert!(!page.contains("<script>alert") && page.contains("&#60;script&#62;"), "{page}");
    let id = uuid::Uuid::from_u128(7);
    let decide = format!("{path}/approvals/{id}");
    let foreign = hub.send("POST", &decide, &[COOKIE, FORM], "decision=approve").await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let unclear = hub.send("POST", &decide, &[COOKIE, FORM, OURS], "decision=perhaps").await;
    assert_eq!(unclear.status, StatusCode::BAD_REQUEST);
    let done = hub.send("POST", &decide, &[COOKIE, FORM, OURS], "decision=refuse").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
    let commands = hub.get(&format!("/api/v1/admin/tenants/{tenant}/commands"), Some(&staff)).await.json();
    assert_eq!(commands["data"][0]["work"]["approve"], false);
    assert!(hub.page(&path).await.body.contains("refuse 00000000"));
    assert_eq!(hub.page("/tenants/x").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_german_customer_reads_german_wherever_the_order_is() {
    let hub = Hub::new().await;
    let mut order = crate::public::good();
    order["language"] = "de-AT".into();
    let made = hub.json("POST", "/api/v1/public/orders", None, &order).await.json();
    let id: letsbe_types::ids::OrderId = made["data"]["order_id"].as_str().unwrap().parse().unwrap();
    let path = format!("/progress/{id}");
    let unpaid = hub.page(&path).await.body;
    assert!(unpaid.contains("<html lang=\"de\">") && unpaid.contains("wartet auf Sie"), "{unpaid}");
    assert!(unpaid.contains("21.11.2026, 12:00:00 UTC"), "{unpaid}");
    hub.apply(id, &Event::PaymentReceived).await;
    let server = letsbe_types::ids::ServerId("netcup:1".into());
    hub.apply(id, &Event::ServerClaimed { server }).await;
    hub.apply(id, &Event::ServerInstalled { address: [192, 0, 2, 7].into() }).await;
    let why = "nobody is authoritative".to_owned();
    hub.apply(id, &Event::DnsUnreadable { why }).await;
    let page = hub.page(&path).await.body;
    for part in
        ["Ihre Domain braucht einige Einträge", "noch nicht nachschlagen", "Jetzt dort", "Kopieren<span"]
    {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    for english in ["Your", "The entries", ">Copy", "Skip", "Last change", "not known", "waits"] {
        assert!(!page.contains(english), "{english}: {page}");
    }
}

#[tokio::test]
async fn strangers_read_refusals_and_the_login_in_their_browsers_language() {
    let hub = Hub::new().await;
    let german = ("accept-language", "de-DE,de;q=0.9,en;q=0.8");
    for (path, words) in
        [("/progress/x", "Nicht gefunden"), ("/nothing", "Nicht gefunden"), ("/login", "Anmelden")]
    {
        let answer = hub.send("GET", path, &[german, ("accept", "text/html")], Body::empty()).await;
        assert!(answer.body.contains("<html lang=\"de\">") && answer.body.contains(words), "{answer:?}");
        assert!(hub.page(path).await.body.contains("<html lang=\"en\">"));
    }
    for (headers, form, words) in [
        (&[FORM, german][..], "email=a&password=b", "Nicht erlaubt"),
        (&[FORM, OURS, german], "email=a", "Nicht ausgeführt"),
    ] {
        let answer = hub.send("POST", "/login", headers, form).await;
        assert!(answer.body.contains("<html lang=\"de\">") && answer.body.contains(words), "{answer:?}");
    }
}

#[tokio::test]
async fn a_refused_form_keeps_what_was_typed_and_names_the_field() {
    let (hub, staff) = Hub::with_staff().await;
    let id = hub.order(1).await;
    hub.apply(id, &Event::PaymentReceived).await;
    let path = format!("/orders/{id}/actions");
    let ours = [COOKIE, FORM, OURS];
    let typed = "action=assign&address=nowhere&server=rack+7&host_key=%22x";
    let refused = hub.send("POST", &path, &ours, typed).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    for part in [
        "value=\"nowhere\" aria-invalid=\"true\"",
        "value=\"rack 7\"",
        "value=\"&#34;x\"",
        "assign-address-wrong",
    ] {
        assert!(refused.body.contains(part), "{part} is missing: {}", refused.body);
    }
    assert_eq!(refused.body.matches("aria-invalid").count(), 1, "the wrong field alone is marked");
    let abandoned = hub.send("POST", &path, &ours, "action=abandon&reason=asked+by+phone").await;
    assert!(
        abandoned.body.contains("value=\"asked by phone\"")
            && abandoned.body.contains("abandon-confirm-wrong")
    );
    let (tenant, _) = crate::tenant::registered(&hub, 2).await;
    let drills = format!("/api/v1/admin/tenants/{tenant}/drills");
    let drill =
        hub.json("POST", &drills, Some(&staff), &serde_json::json!({"kind": "quarterly"})).await.json();
    let path = format!("/tenants/{tenant}/drills/{}", drill["data"]["id"].as_str().unwrap());
    let typed = "outcome=passed&rto_minutes=12&rpo_minutes=&notes=all+well";
    let refused = hub.send("POST", &path, &ours, typed).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    for part in ["value=\"12\"", "value=\"all well\"", "id=\"rpo-wrong\""] {
        assert!(refused.body.contains(part), "{part} is missing: {}", refused.body);
    }
    assert!(!refused.body.contains("id=\"rto-wrong\""), "{}", refused.body);
}

#[tokio::test]
async fn whoever_comes_from_a_search_or_a_late_form_is_led_back_there() {
    let (hub, _) = Hub::with_staff().await;
    let sent_away = hub.get("/tenants?q=a%26b&page=2", None).await;
    let login = sent_away.headers["location"].to_str().unwrap().to_owned();
    let page = hub.page(&login).await.body;
    assert!(page.contains("value=\"/tenants?q=a%26b&#38;page=2\""), "{page}");
    let id = hub.order(1).await;
    let from = format!("https://hub.example.com/orders/{id}");
    let path = format!("/orders/{id}/actions");
    let late = hub.send("POST", &path, &[FORM, OURS, ("referer", &from)], "action=retry").await;
    let login = late.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(login, format!("/login?next=/orders/{id}&ended=true"));
    assert!(hub.page(&login).await.body.contains("was not carried out"));
}

#[tokio::test]
async fn orders_have_the_address_at_which_people_look_for_them() {
    let (hub, _) = Hub::with_staff().await;
    for (asked, led) in [("/orders", "/"), ("/orders?q=a", "/?q=a")] {
        let answer = hub.send("GET", asked, &[COOKIE], Body::empty()).await;
        assert_eq!(answer.headers["location"], led);
    }
}

#[tokio::test]
async fn a_refusal_before_any_page_is_a_page_for_a_browser_and_json_for_a_program() {
    let (hub, _) = Hub::with_staff().await;
    let id = hub.order(1).await;
    let path = format!("/orders/{id}/actions");
    let foreign = [COOKIE, FORM, ("sec-fetch-site", "cross-site")];
    let program = hub.send("POST", &path, &foreign, "action=retry").await;
    assert_eq!(program.json()["error"]["code"], "API403");
    let browser = [COOKIE, FORM, ("sec-fetch-site", "cross-site"), ("accept", "text/html")];
    let browser = hub.send("POST", &path, &browser, "action=retry").await;
    assert_eq!(browser.status, StatusCode::FORBIDDEN);
    assert!(browser.body.contains("Not allowed") && browser.body.contains("came from another site"));
    assert_eq!(browser.headers["content-type"], "text/html; charset=utf-8");
}
