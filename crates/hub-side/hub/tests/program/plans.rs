//! What `--plan` shows, and that it changes nothing.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use letsbe_lifecycle::order::{Event, Pace};
use letsbe_store::{NewOrder, Store};
use letsbe_types::{
    Region, Tier,
    ids::{OrderId, ServerId, ServerIdentity},
};
use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};

use crate::{configured, letsbe_hub, with_staff};

const ANN: [&str; 2] = ["--email", "ann@letsbe.example"];

pub(crate) fn done<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// A server that an order had and gave up.
async fn released(file: &Path) {
    let (store, id, now) = (Store::open(file).await.unwrap(), OrderId::generate(), chrono::Utc::now());
    let new = NewOrder {
        id,
        domain: "acme.example".parse().unwrap(),
        email: "owner@acme.example".parse().unwrap(),
        tier: Tier::Build,
        region: Region::Eu,
        tools: vec!["ghost".into()],
        identity: ServerIdentity("planted".into()),
    };
    store.create_order(&new, now).await.unwrap();
    for event in [
        Event::PaymentReceived,
        Event::ServerClaimed { server: ServerId("netcup:1".into()) },
        Event::OperatorAbandon { reason: "a test".into() },
        Event::ServerReleased,
    ] {
        store.apply(id, &event, None, &Pace::default(), now).await.unwrap();
    }
}

/// Every row of every table, and how the tables are made.
pub(crate) async fn rows(file: &Path) -> Vec<String> {
    let db = Database::connect(format!("sqlite://{}?mode=ro", file.display())).await.unwrap();
    let texts = async |sql: String| -> Vec<String> {
        let found = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap();
        found.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect()
    };
    let mut all = texts("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name".into()).await;
    for table in texts("SELECT name FROM sqlite_schema WHERE type = 'table'".into()).await {
        let columns = texts(format!("SELECT name FROM pragma_table_info('{table}')")).await;
        let quoted: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
        let found = texts(format!("SELECT {} FROM \"{table}\"", quoted.join(" || ',' || "))).await;
        all.extend(found.into_iter().map(|row| format!("{table}: {row}")));
    }
    db.close().await.unwrap();
    all
}

pub(crate) fn run(config: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let ended = letsbe_hub(config, words).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

/// Each command that plans something with the database.
fn plans() -> [Vec<&'static str>; 3] {
    let of_ann = |command: &'static str| [&[command, "--plan"], &ANN[..]].concat();
    [of_ann("remove-staff"), of_ann("add-staff"), vec!["return-server", "netcup:1", "--plan"]]
}

#[test]
fn a_plan_changes_nothing_and_nobody_is_removed_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_staff(folder.path());
    let file = folder.path().join("data/hub.sqlite");
    done(released(&file));
    let before = done(rows(&file));
    assert!(
        before.iter().any(|row| row.contains("netcup:1")) && before.iter().any(|row| row.contains("ann@"))
    );
    let said = ["Nothing was changed", "would get a new password", "would be in the pool again"];
    for (words, said) in plans().iter().zip(said) {
        let (code, out, err) = run(&config, words);
        assert!(code == Some(0) && out.contains(said), "{words:?}: {out}{err}");
    }
    let (code, _, err) = run(&config, &["return-server", "netcup:4711", "--plan"]);
    assert!(code == Some(1) && err.contains("not released"), "{err}");
    let (code, _, err) = run(&config, &[&["remove-staff"], &ANN[..]].concat());
    assert!(code == Some(1) && err.contains("--yes"), "{err}");
    let (code, out, _) = run(&config, &["init", "--plan"]);
    assert!(code == Some(0) && out.contains("hub.sqlite is there and stays"), "{out}");
    assert!(out.contains("key would be made") && !folder.path().join("key").exists(), "{out}");
    assert_eq!(done(rows(&file)), before);
    // What was planned takes place when it is meant.
    assert_eq!(run(&config, &["return-server", "netcup:1"]).0, Some(0));
    assert_eq!(run(&config, &[&["remove-staff", "--yes"], &ANN[..]].concat()).0, Some(0));
    let after = done(rows(&file));
    assert!(!after.iter().any(|row| row.starts_with("staff") && row.contains("ann@")), "{after:#?}");
    assert_eq!(run(&config, &["return-server", "netcup:1", "--plan"]).0, Some(1));
}

#[test]
fn a_plan_makes_no_database_and_brings_none_forward() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path());
    let file: PathBuf = folder.path().join("data/hub.sqlite");
    for words in plans() {
        let (code, _, err) = run(&config, &words);
        assert!(code == Some(1) && err.contains("there is no database yet"), "{words:?}: {err}");
        assert!(!file.exists(), "{words:?}");
    }
    assert_eq!(run(&config, &["list-staff"]).0, Some(0));
    let older = "DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)";
    done(async {
        let db = Database::connect(format!("sqlite://{}", file.display())).await.unwrap();
        db.execute_unprepared(older).await.unwrap();
        db.close().await.unwrap();
    });
    let before = done(rows(&file));
    for words in plans() {
        let (code, _, err) = run(&config, &words);
        assert!(code == Some(1) && err.contains("of an older version"), "{words:?}: {err}");
        assert_eq!(done(rows(&file)), before, "{words:?}");
    }
}
