//! `letsbe-hub admin move`, to a private PostgreSQL.

use std::{collections::BTreeMap, path::Path};

use letsbe_store::{Database, Store};
use sea_orm::ConnectionTrait as _;
use serde_json::Value;

use crate::{
    configured, fill,
    plans::{done, rows, run},
};

/// A Hub's file as it looks after years.
async fn filled(file: &Path) {
    let store = Store::open(file).await.unwrap();
    fill::fill(&store, 50, 60, chrono::Utc::now()).await;
    store.close().await.unwrap();
}

/// An address with the schema and no rows.
async fn empty(folder: &Path) -> String {
    let migrate = async |url: String| {
        Store::open(&url.parse::<Database>().unwrap()).await.unwrap().close().await.unwrap();
    };
    letsbe_test_postgres::database_of(folder, "moved", migrate).await
}

/// What the program says of each table.
fn counts(out: &str) -> BTreeMap<String, u64> {
    let said: Value = serde_json::from_str(out).unwrap_or_else(|_| panic!("no JSON: {out}"));
    let tables = said["tables"].as_array().unwrap().iter();
    tables.map(|one| (one["table"].as_str().unwrap().to_owned(), one["rows"].as_u64().unwrap())).collect()
}

#[test]
fn a_filled_hub_moves_to_postgresql_once_with_all_of_its_rows_and_serves_there() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path());
    let file = folder.path().join("data/hub.sqlite");
    done(filled(&file));
    let (before, to) = (done(rows(&file)), done(empty(folder.path())));
    let admin = |more: &[&str]| run(&config, &[&["admin", "move", "--to", to.as_str()], more].concat());
    let in_use = done(async {
        let used = Store::open(&file).await.unwrap();
        let refused = admin(&["--yes"]);
        used.close().await.unwrap();
        refused
    });
    assert!(in_use.0 == Some(1) && in_use.2.contains("stop the Hub first"), "{in_use:?}");
    let (code, planned, err) = admin(&["--plan", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = admin(&[]);
    assert!(code == Some(1) && err.contains("--yes"), "{err}");
    let (code, moved, err) = admin(&["--yes", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(counts(&moved), counts(&planned));
    assert!(counts(&moved)["orders"] == 110 && counts(&moved)["timeline"] > 110, "{moved}");
    assert_eq!(done(rows(&file)), before, "the file stays as it was");
    // What was moved is not used by mistake, and goes nowhere else by itself.
    for words in [&["list-staff"][..], &["init"], &["admin", "move", "--to", to.as_str(), "--yes"]] {
        let (code, _, err) = run(&config, words);
        assert!(code == Some(1) && err.contains(&format!("was moved to {to}")), "{words:?}: {err}");
    }
    std::fs::remove_file(folder.path().join("data/hub.sqlite.moved")).unwrap();
    let (code, _, err) = admin(&["--yes"]);
    assert!(code == Some(1) && err.contains("is not empty"), "{err}");
    done(async {
        let (here, there) =
            (Store::open(&file).await.unwrap(), Store::open(&to.parse::<Database>().unwrap()).await.unwrap());
        for number in 0..110 {
            let (id, text) = (fill::id(number), |order: Option<letsbe_store::Order>| {
                format!("{:?}", order.unwrap().state)
            });
            let lines = async |store: &Store| store.timeline(id, 0, 1_000).await.unwrap();
            assert_eq!(text(here.order(id).await.unwrap()), text(there.order(id).await.unwrap()));
            let (left, arrived) = (lines(&here).await, lines(&there).await);
            let messages = |lines: &[letsbe_types::api::TimelineEntry]| {
                lines.iter().map(|line| (line.sequence, line.message.clone())).collect::<Vec<_>>()
            };
            assert_eq!(messages(&left), messages(&arrived));
        }
        // New rows get numbers after those that came.
        let (order, last) = (fill::id(0), there.timeline(fill::id(0), 0, 1_000).await.unwrap());
        let entry = letsbe_store::NewEntry::new("operator", "ok", "moved");
        there.note(order, &entry, chrono::Utc::now()).await.unwrap();
        let more = there.timeline(order, last.last().unwrap().sequence, 10).await.unwrap();
        assert_eq!(more.len(), 1);
        there.close().await.unwrap();
        here.close().await.unwrap();
    });
    // Its own programs use it there.
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("database = {to:?}\n{text}")).unwrap();
    let (code, out, err) = run(&config, &["list-staff", "--json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let (code, _, err) = admin(&["--plan"]);
    assert!(code == Some(1) && err.contains("PostgreSQL's already"), "{err}");
}

#[test]
fn a_nul_that_a_former_hub_kept_holds_up_no_move() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path());
    let file = folder.path().join("data/hub.sqlite");
    let to = done(async {
        filled(&file).await;
        let db = sea_orm::Database::connect(format!("sqlite://{}", file.display())).await.unwrap();
        for change in [
            "UPDATE timeline SET message = 'a' || char(0) || 'b'",
            r#"UPDATE orders SET tools = '["a\u0000b"]'"#,
            r#"UPDATE tenant_states SET body = '{"a\u0000b":{"c":"a\u0000b"}}'"#,
        ] {
            assert!(db.execute_unprepared(change).await.unwrap().rows_affected() > 0, "{change}");
        }
        db.close().await.unwrap();
        empty(folder.path()).await
    });
    let (code, _, err) = run(&config, &["admin", "move", "--to", &to, "--yes"]);
    assert_eq!(code, Some(0), "{err}");
    done(async {
        let db = sea_orm::Database::connect(&to).await.unwrap();
        for text in [
            "SELECT message FROM timeline",
            "SELECT tools ->> 0 FROM orders",
            "SELECT CAST(body AS json) -> E'a\\ufffdb' ->> 'c' FROM tenant_states",
        ] {
            let ask =
                sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, format!("{text} LIMIT 1"));
            let row = db.query_one_raw(ask).await.unwrap().unwrap();
            assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "a\u{fffd}b", "{text}");
        }
        db.close().await.unwrap();
    });
}

#[test]
fn a_hub_with_a_table_that_is_not_known_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path());
    let file = folder.path().join("data/hub.sqlite");
    let to = done(async {
        Store::open(&file).await.unwrap().close().await.unwrap();
        let db = sea_orm::Database::connect(format!("sqlite://{}", file.display())).await.unwrap();
        db.execute_unprepared("CREATE TABLE further (id integer)").await.unwrap();
        db.close().await.unwrap();
        empty(folder.path()).await
    });
    let (code, _, err) = run(&config, &["admin", "move", "--to", &to, "--yes"]);
    assert!(code == Some(1) && err.contains("further would be left behind"), "{err}");
}
