//! Pages and lists of staff with many tenants and orders: they ask the database no more often than with few, and
//! nothing is left out without a word.

#[path = "../../examples/filled/fill.rs"]
mod fill;

use letsbe_types::Code;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use letsbe_hub::background::tasks;
use letsbe_store::Store;
use serde_json::Value;

use crate::{Hub, database, pages::COOKIE, start};

tokio::task_local! {
    static STATEMENTS: Arc<AtomicUsize>;
}

/// A Hub with so many tenants and orders, all of them rated.
async fn filled(tenants: u128, orders: u128) -> (Hub, String) {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let store = Store::open(&database(folder.path(), "hub.db").await).await.unwrap();
    let store = store.observed(|_| {
        let _ = STATEMENTS.try_with(|count| count.fetch_add(1, Ordering::Relaxed));
    });
    fill::fill(&store, tenants, orders, start()).await;
    let (hub, staff) = Hub::with(folder, store, None).staffed().await;
    hub.driven_elsewhere([tasks::health_ratings(hub.store.clone())]);
    let rated = async || {
        // Before it is rated, a tenant has no backup as far as the lists know. Of 25 tenants 18 are fine.
        let fine = u64::try_from(tenants * 18 / 25).unwrap();
        while hub.get("/api/v1/admin/tenants", Some(&staff)).await.json()["meta"]["counts"]["fine"] != fine {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), rated()).await.unwrap();
    (hub, staff)
}

/// How many statements each page takes, and each list of the API.
async fn counted(hub: &Hub, staff: &str) -> BTreeMap<String, usize> {
    let tenant = fill::id(3);
    let pages =
        ["/", "/waiting", "/tenants", "/backups", "/tenants?q=shop&sort=domain", "/?state=needs_you&page=2"];
    let mut pages: Vec<String> = pages.map(str::to_owned).into();
    pages.extend([
        format!("/orders/{tenant}"),
        format!("/tenants/{tenant}"),
        format!("/tenants/{tenant}/backups"),
    ]);
    let lists = ["orders", "tenants", "backups", "recoveries", "tasks"];
    let mut counts = BTreeMap::new();
    for page in pages {
        let (count, answer) = watched(hub.page(&page)).await;
        assert_eq!(answer.status, 200, "{page}: {}", answer.body);
        counts.insert(page, count);
    }
    for list in lists {
        let (count, answer) = watched(hub.get(&format!("/api/v1/admin/{list}"), Some(staff))).await;
        assert_eq!(answer.status, 200, "{list}: {}", answer.body);
        counts.insert(list.to_owned(), count);
    }
    counts
}

async fn watched<T>(request: impl Future<Output = T>) -> (usize, T) {
    let count = Arc::new(AtomicUsize::new(0));
    let answer = STATEMENTS.scope(Arc::clone(&count), request).await;
    (count.load(Ordering::Relaxed), answer)
}

#[tokio::test]
async fn pages_and_lists_ask_no_more_often_however_many_tenants_and_orders_there_are() {
    let (few, many) = (filled(25, 25).await, filled(100, 125).await);
    let (few, many) = (counted(&few.0, &few.1).await, counted(&many.0, &many.1).await);
    assert_eq!(few, many);
    for (page, count) in &many {
        assert!((1..=100).contains(count), "{page}: {count}");
    }
}

#[tokio::test]
async fn all_that_waits_is_counted_searched_and_on_one_of_the_pages() {
    let (hub, staff) = filled(100, 150).await;
    let counts = |list: &Value| list["meta"]["counts"].clone();
    let tenants = counts(&hub.get("/api/v1/admin/tenants", Some(&staff)).await.json());
    // Silent, never heard, troubled (a disk, a container, a backup), and one that asks; each four times; six orders.
    assert_eq!(
        (&tenants["silent"], &tenants["troubled"], &tenants["asking"]),
        (&4.into(), &12.into(), &4.into())
    );
    let waiting = 4 + 4 + 12 + 4 + 6 + 1;
    let first = hub.page("/waiting").await.body;
    assert!(first.contains(&format!("<title>({waiting}) ")), "{first}");
    assert!(
        first.contains(&format!("{waiting} things, the worst first")) && first.contains("Page 1 of 2"),
        "{first}"
    );
    let articles = |page: &str| page.matches("<article").count();
    let second = hub.page("/waiting?page=2").await.body;
    assert_eq!((articles(&first), articles(&second)), (25, waiting - 25));
    let failed = first.rfind("notice failed").unwrap();
    assert!(first.find("notice warning").is_none_or(|warning| failed < warning), "the worst first");
    let (broken, asked) = (first.rfind("The server is silent").unwrap(), first.find("ops asks").unwrap());
    assert!(broken < asked, "what is broken before what is asked: {first}");
    for (query, found, has) in [
        ("q=shop-0103", 0, "Nothing found"),
        ("q=shop-0101.example", 1, "netcup:1 could not be installed"),
        ("domain=shop-0002.example", 1, "The server is silent"),
        ("q=SILENT", 4, "The server is silent"),
        ("state=waiting", 0, "Nothing found"),
        ("page=9", 0, "This page is empty"),
    ] {
        let page = hub.page(&format!("/waiting?{query}")).await.body;
        assert!(articles(&page) == found && page.contains(has), "{query}: {page}");
    }
    assert_eq!(hub.page("/waiting?state=worst").await.status, 400);
}

#[tokio::test]
async fn where_no_mail_is_sent_the_mails_are_told_of_in_one_line_with_their_number() {
    let (hub, _) = filled(75, 75).await;
    let mut failed = 0;
    while let Some(leased) = hub.store.lease_message(chrono::TimeDelta::hours(1), start()).await.unwrap() {
        let problem = letsbe_types::Problem::transient(Code::MAIL012, "no answer", "look at the mail server");
        assert!(hub.store.message_failed(&leased, &problem, start()).await.unwrap());
        failed += 1;
    }
    let page = hub.page("/waiting?q=e-mail&pageSize=200").await.body;
    assert!(failed > 100, "{failed} are no more than one list has");
    assert_eq!(page.matches("<article").count(), 6, "{failed}: {page}");
    assert!(page.contains(&format!("{} more e-mails could not be sent yet", failed - 5)), "{failed}: {page}");
}

#[tokio::test]
async fn a_long_name_is_whole_and_a_server_that_was_never_heard_has_no_numbers() {
    let (hub, _) = filled(25, 25).await;
    let row = async |query: &str| {
        let page = hub.page(&format!("/tenants?{query}")).await.body;
        page.split("<tr>").nth(2).unwrap_or_else(|| panic!("{page}")).to_owned()
    };
    assert!(row("q=grosshandel").await.contains("class=\"name long\""));
    let never = row("health=never").await;
    assert!(never.contains("Never heard") && never.contains("class=\"name\""), "{never}");
    assert!(!never.contains("0 of 0") && !never.contains("not known"), "{never}");
}

/// The lists and what is around every page; what programs say of servers stays English and is marked so.
#[tokio::test]
async fn staff_reads_the_lists_in_the_language_of_the_browser() {
    let (hub, _) = filled(25, 25).await;
    let german = async |path: &str| {
        let asked = [COOKIE, ("accept", "text/html"), ("accept-language", "de-AT,de;q=0.9,en;q=0.5")];
        hub.send("GET", path, &asked, axum::body::Body::empty()).await.body
    };
    let frame = ["Zu tun", "Abmelden", "für Sie"];
    for (path, words) in [
        (
            "/",
            [
                "Bestellungen · LetsBe Hub",
                "Handlungsbedarf",
                "mit Handlungsbedarf",
                "Bestellt",
                "Tarif",
                "Weiter",
            ],
        ),
        (
            "/tenants?pageSize=5",
            ["Mandanten · LetsBe Hub", "Ohne Meldung", "Gemeldet", "gestört", "Seite 1 von 5", "nie"],
        ),
        (
            "/backups?pageSize=5",
            ["Sicherungen · LetsBe Hub", "Fehlgeschlagen", "Schutz", "Kopieren", "Größe", "Suchen"],
        ),
        (
            "/tenants?q=nothing",
            ["Nichts gefunden", "Zur ganzen Liste", "Suchen", "Alle", "Mandanten", "Anzeigen"],
        ),
    ] {
        let page = german(path).await;
        for word in words.iter().chain(&frame).chain(&["<html lang=\"de\">"]) {
            assert!(page.contains(word), "{word} in {path}: {page}");
        }
        for english in [
            "Tenants",
            "Orders<",
            "Needs you",
            ">Next",
            "none yet",
            "Last good backup",
            "Log out",
            "Nothing f",
        ] {
            assert!(!page.contains(english), "{english} in {path}: {page}");
        }
    }
    for (path, words) in [
        ("/waiting", ["Was auf Sie wartet", "Vorgänge, das Dringendste zuerst", "Frist: "]),
        (
            &*format!("/tenants/{}", fill::id(3)),
            ["Was nicht stimmt", "schwerwiegend", "Letzte gute Sicherung"],
        ),
        ("/errors/DNS001", ["DNS-Einträge fehlen oder sind falsch", "nur auf Englisch", "lang=\"en\""]),
    ] {
        let page = german(path).await;
        for word in words.iter().chain(&frame).chain(&["<html lang=\"de\">"]) {
            assert!(page.contains(word), "{word} in {path}: {page}");
        }
    }
}
