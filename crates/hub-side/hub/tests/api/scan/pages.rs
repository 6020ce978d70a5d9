//! Every page of the table, in both languages: nothing of it is in the wrong one, and all of it can be used without
//! seeing it.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use letsbe_hub::router::{Access, Route, routes};
use letsbe_lifecycle::order::{EffectKind, Event, Pace};
use letsbe_types::{Code, Problem, clock::Clock as _, ids::ServerId};

use super::{
    paths,
    seed::{Seeded, seeded},
};
use crate::{html::Page, order_id};

/// What is the same in both languages, and what people, servers and customers wrote here: the longest first.
const SAME: [&str; 26] = [
    "Restart ghost",
    "the data centre burnt",
    "owner@acme.example",
    "ann@letsbe.example",
    "static-website",
    "acme.example",
    "LetsBe Hub",
    "LetsBe",
    "letsbe",
    "openclaw",
    "Container",
    "netcup",
    "Domain",
    "Server",
    "System",
    "Tokens",
    "Tools",
    "ghost",
    "build",
    "Tool",
    "Name",
    "min",
    "kB",
    "MB",
    "GB",
    "eu",
];
/// Words that no German sentence has.
const ENGLISH: [&str; 29] = [
    "the", "and", "is", "are", "of", "not", "by", "to", "for", "from", "with", "at", "on", "this", "it",
    "you", "as", "none", "never", "last", "yet", "what", "which", "more", "has", "had", "no", "or", "be",
];
/// Attributes that people read or hear.
const READ: [&str; 4] = ["aria-label", "placeholder", "title", "data-name"];

/// Asked by staff, or by a stranger.
async fn asked(
    seeded: &Seeded,
    method: &str,
    path: &str,
    language: &str,
    body: &'static str,
) -> Option<Page> {
    let cookie = format!("letsbe_session={}", seeded.browser);
    let headers = [
        ("accept", "text/html"),
        ("accept-language", language),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("cookie", &cookie),
    ];
    let answer = seeded.bench.hub.send(method, path, &headers, Body::from(body)).await;
    assert!(!answer.status.is_server_error(), "{path}: {answer:?}");
    let kind = answer.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    kind.filter(|kind| kind.starts_with("text/html")).map(|_| Page::of(&answer.body))
}

fn is_page(route: &Route) -> bool {
    let is_read = route.method == "GET" && !route.path.starts_with("/api/");
    let is_of_people =
        !matches!(route.path, "/healthz" | "/readyz" | "/assets/{name}" | "/orders/{id}/events");
    is_read && is_of_people && !matches!(route.access, Access::Staff | Access::Keyed | Access::Agent)
}

/// Orders in states that the seed has not.
async fn more_orders(seeded: &Seeded) -> Vec<String> {
    let hub = &seeded.bench.hub;
    let (dns, failed, unpaid) = (hub.order(21).await, hub.order(22).await, hub.order(23).await);
    let missing = vec!["blog.acme.example. A 192.0.2.7 (ns1.acme.example gives nothing)".to_owned()];
    let problem = Problem::permanent(Code::SSH012, "The host key is not known", "See the server's console.");
    let events = [
        (dns, Event::PaymentReceived),
        (dns, Event::ServerClaimed { server: ServerId("netcup:21".to_owned()) }),
        (dns, Event::ServerInstalled { address: [192, 0, 2, 7].into() }),
        (dns, Event::DnsIncomplete { missing }),
        (failed, Event::PaymentReceived),
        (failed, Event::EffectFailed { effect: EffectKind::ClaimServer, problem }),
        (unpaid, Event::PaymentDiffers { why: "0.01 eur".into() }),
    ];
    for (order, event) in events {
        // The worker of this Hub may have been quicker; then the order is further, and has its pages there.
        drop(hub.store.apply(order, &event, None, &Pace::default(), hub.clock.now()).await);
    }
    assert_eq!(dns, order_id(21));
    [dns, failed, unpaid].iter().map(|id| format!("/orders/{id}")).collect()
}

/// Every page of staff and every page of strangers, refusals and forms that were refused among them.
async fn pages(seeded: &Seeded, language: &str) -> BTreeMap<String, Page> {
    let mut pages = BTreeMap::new();
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for route in routes().iter().filter(|route| is_page(route)) {
        let of_route = paths(route, seeded);
        // A customer's page is in the language of the order.
        let of_order = route.path == "/progress/{id}";
        wanted.extend(of_route.into_iter().filter(|path| !of_order || path.ends_with("ff")));
    }
    wanted.extend((21..24).map(|number| format!("/orders/{}", order_id(number))));
    wanted.extend(
        ["/tenants?q=nothing-of-it", "/?page=9", "/?page=0", "/waiting?q=nothing-of-it"].map(str::to_owned),
    );
    for path in wanted {
        // What only leads elsewhere is no page.
        if let Some(page) = asked(seeded, "GET", &path, language, "").await {
            pages.insert(path, page);
        }
    }
    let (order, tenant) = (order_id(21), seeded.orders[0]);
    for (path, body) in [
        (format!("/orders/{order}/actions"), "action=assign&address=nowhere"),
        (format!("/orders/{order}/actions"), "action=abandon&reason=x"),
        (
            format!("/tenants/{tenant}/drills/{}", seeded.drill),
            "outcome=passed&rto_minutes=&rpo_minutes=&notes=",
        ),
        (format!("/tenants/{tenant}/approvals/{}", seeded.approval), "decision=what"),
        (format!("/waiting/tasks/{}", order.0), ""),
    ] {
        let page =
            asked(seeded, "POST", &path, language, body).await.unwrap_or_else(|| panic!("{path} is no page"));
        pages.insert(format!("POST {path} {body}"), page);
    }
    pages
}

/// What a reader of this page reads in its language: not what is code, a time, or said by a program.
fn read(page: &Page) -> BTreeSet<String> {
    let is_left_out = |place: usize| {
        page.around(place).any(|one| {
            let is_english =
                one.name != "html" && one.attributes.get("lang").is_some_and(|lang| lang == "en");
            is_english || ["code", "pre", "time", "script"].contains(&one.name.as_str())
        })
    };
    let texts = page.texts().filter(|(place, _)| !is_left_out(*place)).map(|(_, text)| text);
    let places = (0..page.elements.len()).filter(|place| !is_left_out(*place));
    let named = places.flat_map(|place| {
        let attributes = &page.elements[place].attributes;
        READ.iter().filter_map(|name| attributes.get(*name).cloned())
    });
    texts.chain(named).collect()
}

/// The words of a text that are not the same in both languages, nor a code.
fn wording(text: &str) -> Vec<String> {
    let without = SAME.iter().fold(text.to_owned(), |text, same| text.replace(same, " "));
    let words = without.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 1);
    let is_code =
        |word: &str| word.chars().all(|c| c.is_ascii_uppercase()) || word.chars().any(|c| c.is_ascii_digit());
    words.filter(|word| !is_code(word)).map(str::to_lowercase).collect()
}

#[tokio::test]
async fn no_page_says_in_german_what_it_says_in_english_but_what_is_marked_as_english() {
    let seeded = seeded().await;
    more_orders(&seeded).await;
    let (english, german) = (pages(&seeded, "en").await, pages(&seeded, "de-AT,de;q=0.9").await);
    assert_eq!(english.keys().collect::<Vec<_>>(), german.keys().collect::<Vec<_>>());
    assert!(german.len() > 25, "{:?}", german.keys());
    let mut wrong = BTreeSet::new();
    for (path, page) in &german {
        let html = &page.elements[0];
        assert_eq!((html.name.as_str(), html.attributes["lang"].as_str()), ("html", "de"), "{path}");
        assert_eq!(english[path].elements[0].attributes["lang"], "en", "{path}");
        let same = read(&english[path]);
        for text in read(page) {
            let words = wording(&text);
            let is_english = words.iter().any(|word| ENGLISH.contains(&word.as_str()));
            if is_english || (!words.is_empty() && same.contains(&text)) {
                wrong.insert(format!("{path}: {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What an element is called, for those who do not see it.
fn name_of(page: &Page, place: usize) -> String {
    let attributes = &page.elements[place].attributes;
    let labels = page.all("label").filter(|(label, one)| {
        let is_inside = page.around(place).any(|around| std::ptr::eq(around, &page.elements[*label]));
        is_inside || (one.attributes.contains_key("for") && one.attributes.get("for") == attributes.get("id"))
    });
    let label = labels.map(|(label, _)| page.text_in(label)).collect::<String>();
    format!("{}{label}{}", attributes.get("aria-label").cloned().unwrap_or_default(), page.text_in(place))
}

/// What is wrong with a page for those who do not see it.
fn complaints(page: &Page) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in ["h1", "main", "title"] {
        if page.all(name).count() != 1 {
            wrong.push(format!("there is not one {name}"));
        }
    }
    let ids: Vec<&String> = page.elements.iter().filter_map(|one| one.attributes.get("id")).collect();
    if ids.iter().collect::<BTreeSet<_>>().len() != ids.len() {
        wrong.push(format!("an id is there twice: {ids:?}"));
    }
    for (place, one) in page.elements.iter().enumerate() {
        let attribute = |name: &str| one.attributes.get(name).map(String::as_str);
        for name in ["for", "form", "aria-labelledby", "aria-describedby"] {
            for id in attribute(name).unwrap_or_default().split_whitespace() {
                if !ids.iter().any(|known| *known == id) {
                    wrong.push(format!("{name} names what is not there: {id}"));
                }
            }
        }
        let is_named = match one.name.as_str() {
            "input" => attribute("type") == Some("hidden") || !name_of(page, place).is_empty(),
            "a" | "button" | "summary" | "nav" | "h1" | "h2" | "th" | "progress" => {
                !name_of(page, place).is_empty()
            }
            _ => true,
        };
        // A level is a word, too, beside its mark and its colour.
        let classes: Vec<&str> = attribute("class").unwrap_or_default().split(' ').collect();
        let is_told = !classes.contains(&"badge")
            || page.text_in(place).chars().filter(|c| c.is_alphabetic()).count() > 1;
        let has_scope = one.name != "th" || attribute("scope").is_some();
        let has_caption = one.name != "table"
            || page
                .all("caption")
                .any(|(caption, _)| page.around(caption).any(|around| std::ptr::eq(around, one)));
        let is_in_order = attribute("tabindex").is_none_or(|at| ["0", "-1"].contains(&at));
        if !(is_named && is_told && has_scope && has_caption && is_in_order) {
            wrong.push(format!("{} {:?} {:?}", one.name, one.attributes, page.text_in(place)));
        }
    }
    wrong
}

#[tokio::test]
async fn every_page_can_be_used_without_seeing_it() {
    let seeded = seeded().await;
    more_orders(&seeded).await;
    let customers = seeded.orders.iter().map(|id| format!("/progress/{id}"));
    for language in ["en", "de"] {
        let mut pages = pages(&seeded, language).await;
        for path in customers.clone().chain([format!("/progress/{}", order_id(21))]) {
            pages.insert(path.clone(), asked(&seeded, "GET", &path, language, "").await.unwrap());
        }
        for (path, page) in &pages {
            let wrong = complaints(page);
            assert!(wrong.is_empty(), "{language} {path}: {wrong:#?}");
        }
    }
}

/// The brightness of a colour as contrast is reckoned (WCAG 2.2).
fn brightness(colour: &str) -> f64 {
    let digits = colour.trim_start_matches('#');
    let digits =
        if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
    let part = |at: usize| {
        let share = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

#[test]
fn every_colour_of_text_stands_out_from_what_is_behind_it_by_day_and_by_night_and_focus_is_seen() {
    let css = include_str!("../../../../pages/assets/hub.css");
    let schemes: Vec<BTreeMap<&str, &str>> = css
        .split(":root {")
        .skip(1)
        .map(|part| part.split('}').next().unwrap())
        .map(|part| {
            part.split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(": ")).collect()
        })
        .collect();
    assert_eq!(schemes.len(), 2, "light and dark");
    let levels = ["ok", "running", "waiting", "warning", "failed"];
    let soft = levels.map(|level| (level.to_owned(), format!("{level}-soft")));
    let on_card = ["text", "muted", "accent", "failed", "warning", "waiting", "running", "ok"];
    let on_card = on_card.map(|colour| (colour.to_owned(), "card".to_owned()));
    let others = [("text", "ground"), ("muted", "ground"), ("accent", "ground"), ("accent-text", "accent")];
    let others = others.map(|(text, behind)| (text.to_owned(), behind.to_owned()));
    let on_notices = levels.map(|level| ("text".to_owned(), format!("{level}-soft")));
    for scheme in &schemes {
        for (text, behind) in soft.iter().chain(&on_card).chain(&others).chain(&on_notices) {
            let (one, other) = (brightness(scheme[text.as_str()]), brightness(scheme[behind.as_str()]));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= 4.5, "{text} on {behind}: {contrast:.2}");
        }
    }
    assert!(css.contains(":focus-visible { outline: 3px solid var(--focus)"));
    assert_eq!(
        css.matches("outline: none").count(),
        1,
        "only of what is reached by a link, not by the keyboard"
    );
    assert!(css.contains("main:focus { outline: none; }"));
}
