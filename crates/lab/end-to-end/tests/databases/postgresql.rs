//! PostgreSQL: rows are counted in the snapshot that the dump is made of.

use std::process::Stdio;

use letsbe_backup::{
    DumpCounter, is_last_count, load_with_owners, make_roles, parse_counts, parse_snapshot, roles, session,
    snapshot_statements,
};
use letsbe_catalog::DatabaseEngine;
use letsbe_lab::{docker, wait::eventually};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::server::{Server, run};

const SHOP: &str = include_str!("shop.postgresql.sql");
/// Encoding and collation that are not the image's own.
const OF_ITS_OWN: &str =
    "CREATE DATABASE shop TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' CONNECTION LIMIT 42;";
const CONTENT: &str = "SELECT md5(string_agg(p::text, '|' ORDER BY id)) FROM posts p;\
                       SELECT md5(string_agg(v::text, '|' ORDER BY day)) FROM visits v;\
                       SELECT letters FROM longest; SELECT count(*) FROM titles;\
                       SELECT nextval('posts_id_seq'); SELECT encode(lo_get(oid), 'escape') FROM pg_largeobject_metadata;\
                       SELECT datcollate, datconnlimit FROM pg_database WHERE datname = 'shop';\
                       SELECT tgname FROM pg_trigger WHERE NOT tgisinternal;";
const OWNERS: &str = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace::regnamespace::text \
                      !~ '^(pg_|information)' UNION SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop';";

/// A role that somebody made by hand, with a setting in this database.
const A_ROLE: &str =
    "CREATE ROLE app LOGIN PASSWORD 'canary'; ALTER ROLE app IN DATABASE shop SET work_mem = '8MB';";
const ITS_SETTING: &str =
    "SELECT rolname, setconfig FROM pg_db_role_setting JOIN pg_roles r ON r.oid = setrole;";

async fn sql(server: &Server, database: &str, text: &str) -> String {
    let client = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "tool", "-d", database];
    docker::exec_with_input(&server.source.container, &client, text.as_bytes())
        .await
        .expect("the database does it")
}

pub(crate) async fn round_trip() {
    // The original's database is one that its tool made; the copy's image has made another one of that name.
    let (original, copy) = tokio::join!(Server::postgresql("postgres"), Server::postgresql("shop"));
    sql(&original, "postgres", OF_ITS_OWN).await;
    sql(&original, "shop", SHOP).await;
    sql(&original, "postgres", A_ROLE).await;
    let before = original.counted().await;
    let rows: Vec<(&str, u64)> = before.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
    assert_eq!(
        rows,
        [
            ("Back Office.Tab\tand \\ and\nline", 300),
            ("public.empty", 0),
            ("public.posts", 5_000),
            ("public.visits_2025", 213),
            ("public.visits_2026", 187),
        ]
    );

    // The session holds the snapshot; rows that come later are neither counted nor dumped.
    let mut child = original.with(session).process().stdin(Stdio::piped()).spawn().expect("docker");
    let mut input = child.stdin.take().expect("an input");
    let mut lines = BufReader::new(child.stdout.take().expect("an output")).lines();
    input.write_all(snapshot_statements().as_bytes()).await.expect("told");
    let first = lines.next_line().await.expect("read").expect("a line");
    let snapshot = parse_snapshot(&first).expect("a snapshot").to_owned();
    sql(&original, "shop", "INSERT INTO empty VALUES (1); DELETE FROM visits;").await;
    let mut counted = String::new();
    while let Some(line) = lines.next_line().await.expect("read") {
        counted.push_str(&line);
        counted.push('\n');
        if is_last_count(&line) {
            break;
        }
    }
    let (dump, _) = original.dumped(Some(&snapshot)).await;
    drop(input);
    assert!(child.wait().await.expect("an end").success());
    assert_eq!(parse_counts(&counted).expect("counts"), before);
    assert_ne!(original.counted().await, before);

    let made = run(&original.with(|of, access| roles(of, access).expect("PostgreSQL has roles")), b"").await;
    let statements = String::from_utf8(made.output).expect("text");
    assert!(made.success && !statements.contains("PASSWORD"), "{statements}");
    assert!(!copy.loaded(&dump).await.success, "a setting names a role that the other server does not have");
    let make = copy.with(|of, access| make_roles(of, access, &statements).expect("PostgreSQL has roles"));
    assert!(run(&make, b"").await.success);
    let loaded = run(&copy.with(load_with_owners), &dump).await;
    assert!(loaded.success, "{}", loaded.errors);
    assert_eq!(sql(&copy, "shop", ITS_SETTING).await, "app|{work_mem=8MB}");
    assert_eq!(copy.counted().await, before, "as of the snapshot");
    let after = "INSERT INTO empty VALUES (1); DELETE FROM visits;";
    sql(&copy, "shop", after).await;
    assert_eq!(sql(&copy, "shop", CONTENT).await, sql(&original, "shop", CONTENT).await);
    assert_eq!(sql(&copy, "shop", OWNERS).await, "tool");

    refuses(&copy, &dump).await;
}

/// A dump that was cut off does not load, a database in use is not replaced, and the counter sees the former too.
async fn refuses(copy: &Server, dump: &[u8]) {
    let cut = &dump[..dump.len() * 2 / 3];
    let mut counter = DumpCounter::new(DatabaseEngine::Postgresql);
    counter.feed(cut);
    assert!(counter.finish().expect_err("refused").contains("cut off"));
    let busy = copy.with(session).process().stdin(Stdio::piped()).spawn().expect("docker");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop';";
    eventually("the session", std::time::Duration::from_secs(30), || async {
        Ok((sql(copy, "postgres", waiting).await == "1").then_some(()))
    })
    .await
    .expect("it is in");
    let refused = copy.loaded(dump).await;
    assert!(
        !refused.success && refused.errors.contains("being accessed by other users"),
        "{}",
        refused.errors
    );
    drop(busy);
    eventually("the session's end", std::time::Duration::from_secs(30), || async {
        Ok((sql(copy, "postgres", waiting).await == "0").then_some(()))
    })
    .await
    .expect("it ends");
    assert!(!copy.loaded(cut).await.success, "half a dump");
}
