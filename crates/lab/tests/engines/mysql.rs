//! MariaDB, and what answers to MySQL's names.

use std::future::Future;

use letsbe_backup::prepare;
use letsbe_lab::docker;

use crate::server::{Server, run};

/// What a value, a comment, a name, a view and a body can do to whoever counts lines; and a row that its own server
/// would not take as text.
const SHOP: &str = include_str!("shop.mysql.sql");
const CHECKSUMS: &str = "CHECKSUM TABLE `posts`, `a``b ünï`, `empty`, `blobs`, `times`;\
                         SELECT COUNT(*), MIN(title), MAX(text) FROM seen;\
                         SELECT event_name, status FROM information_schema.events;";

async fn sql(server: &Server, text: &str) -> String {
    let program =
        if server.source.engine == letsbe_catalog::DatabaseEngine::Mysql { "mysql" } else { "mariadb" };
    let client =
        [program, "--user=tool", "--password=tool", "--batch", "--default-character-set=utf8mb4", "shop"];
    docker::exec_with_input(&server.source.container, &client, text.as_bytes())
        .await
        .expect("the database does it")
}

pub(crate) async fn round_trip<F: Future<Output = Server>>(start: impl Fn() -> F) {
    let (original, copy) = tokio::join!(start(), start());
    sql(&original, SHOP).await;
    let (dump, told) = original.dumped(None).await;
    assert_eq!(told.0, dump.len() as u64);
    assert_eq!(told.2, original.counted().await, "the dump's rows are the tables' rows");
    let rows: Vec<(&str, u64)> = told.2.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
    assert_eq!(rows, [("a`b ünï", 2), ("blobs", 1), ("empty", 0), ("posts", 5_003), ("times", 1)]);

    let prepared = copy.with(prepare).expect("something to prepare");
    assert!(run(&prepared, b"").await.success);
    let loaded = copy.loaded(&dump).await;
    assert!(loaded.success, "{}", loaded.errors);
    assert_eq!(copy.counted().await, told.2);
    assert_eq!(sql(&copy, CHECKSUMS).await, sql(&original, CHECKSUMS).await);
    // Also views, triggers, routines, events, defaults, comments: whatever a dump has.
    let (again, second) = copy.dumped(None).await;
    assert_eq!(second.1, told.1, "{}", first_difference(&dump, &again));

    // What is there is not overwritten.
    let twice = copy.loaded(&dump).await;
    assert!(!twice.success && twice.errors.contains("already exists"), "{}", twice.errors);
    assert_eq!(copy.counted().await, told.2);
}

fn first_difference(one: &[u8], other: &[u8]) -> String {
    let [one, other] = [one, other].map(String::from_utf8_lossy);
    let differ = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    differ.map_or_else(|| "one is longer".to_owned(), |(one, other)| format!("{one:.300}\n{other:.300}"))
}
