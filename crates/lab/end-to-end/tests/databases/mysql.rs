//! MySQL and MariaDB.

use std::{collections::BTreeMap, future::Future, process::Stdio};

use letsbe_backup::{DumpCounter, dump, make_roles, prepare, roles, server_version};
use letsbe_lab::docker;
use tokio::io::AsyncReadExt as _;

use crate::server::{Server, run};

/// What a value, a comment, a name, a view and a body can do to whoever counts lines; and a row that its own server
/// would not take as text.
const SHOP: &str = include_str!("shop.mysql.sql");
const ROWS: [(&str, u64); 5] = [("a`b ünï", 2), ("blobs", 1), ("empty", 0), ("posts", 5_003), ("times", 1)];
const CHECKSUMS: &str = "CHECKSUM TABLE `posts`, `a``b ünï`, `empty`, `blobs`, `times`;\
                         SELECT COUNT(*), MIN(title), MAX(text) FROM seen;\
                         SELECT event_name, status FROM information_schema.events;";

/// What one of the two has besides: told by its superuser, before and after [`SHOP`].
pub(crate) struct Own {
    before: &'static str,
    after: &'static str,
    /// Rows of tables that are then there or have changed.
    rows: &'static [(&'static str, u64)],
    checks: &'static str,
    /// A statement that tells what was written to the log for replicas, and what it says of the original at least.
    log: (&'static str, &'static str),
}

pub(crate) const MARIADB: Own =
    Own { before: "", after: "", rows: &[], checks: "", log: ("SELECT @@GLOBAL.gtid_binlog_pos;", "") };
pub(crate) const MYSQL: Own = Own {
    // Only the superuser may make triggers while there is a log.
    before: "SET GLOBAL log_bin_trust_function_creators = ON;",
    after: include_str!("modern.mysql.sql"),
    rows: &[("blobs", 2), ("keyless", 3), ("modern", 1), ("parts", 60)],
    checks: "CHECKSUM TABLE keyless, modern, parts; SELECT * FROM nested; SELECT my_row_id, n FROM keyless;\
             SELECT HEX(id), j, hidden, name, ST_AsText(spot), moment, latin FROM modern;",
    log: ("SELECT @@gtid_mode, @@log_bin, @@GLOBAL.gtid_executed;", "ON\t1\t"),
};

async fn sql(server: &Server, text: &str) -> String {
    let program =
        if server.source.engine == letsbe_catalog::DatabaseEngine::Mysql { "mysql" } else { "mariadb" };
    let client =
        [program, "--user=tool", "--password=tool", "--batch", "--default-character-set=utf8mb4", "shop"];
    docker::exec_with_input(&server.source.container, &client, text.as_bytes())
        .await
        .expect("the database does it")
}

/// The superuser says it; what was printed.
async fn told(server: &Server, text: &str) -> String {
    let ended = server.loaded(text.as_bytes()).await;
    assert!(ended.success, "{}", ended.errors);
    String::from_utf8(ended.output).expect("text")
}

pub(crate) async fn round_trip<F: Future<Output = Server>>(start: impl Fn() -> F, own: &Own) {
    let (original, copy) = tokio::join!(start(), start());
    is_what_it_is_called(&original).await;
    told(&original, own.before).await;
    sql(&original, SHOP).await;
    told(&original, own.after).await;
    let (whole, facts) = original.dumped(None).await;
    assert_eq!(facts.0, whole.len() as u64);
    assert_eq!(facts.2, original.counted().await, "the dump's rows are the tables' rows");
    let rows: BTreeMap<String, u64> =
        ROWS.iter().chain(own.rows).map(|(name, rows)| ((*name).to_owned(), *rows)).collect();
    assert_eq!(facts.2, rows);
    let head = String::from_utf8_lossy(&whole[..2_000]);
    assert!(
        !head.contains("GTID_PURGED") && !head.contains("SQL_LOG_BIN"),
        "for this very server only: {head}"
    );

    assert!(sql(&original, own.log.0).await.contains(own.log.1));
    let log = sql(&copy, own.log.0).await;
    let prepared = copy.with(prepare).expect("something to prepare");
    assert!(run(&prepared, b"").await.success);
    let loaded = copy.loaded(&whole).await;
    assert!(loaded.success, "{}", loaded.errors);
    assert_eq!(sql(&copy, own.log.0).await, log, "what is loaded is not logged");
    assert_eq!(copy.counted().await, facts.2);
    let checks = [CHECKSUMS, own.checks].concat();
    assert_eq!(sql(&copy, &checks).await, sql(&original, &checks).await);
    // Also views, triggers, routines, events, defaults, comments: whatever a dump has.
    let (again, second) = copy.dumped(None).await;
    assert_eq!(second.1, facts.1, "{}", first_difference(&whole, &again));

    // What is there is not overwritten.
    let twice = copy.loaded(&whole).await;
    assert!(!twice.success && twice.errors.contains("already exists"), "{}", twice.errors);
    assert_eq!(copy.counted().await, facts.2);
    cut_off(&original).await;
    invalid_view(&copy).await;
    definers(&original, &copy).await;
}

/// MySQL is no MariaDB that answers to its names, nor the other way round.
async fn is_what_it_is_called(server: &Server) {
    let command = server.with(|source, access| server_version(source, access).expect("it can be asked"));
    let asked = run(&command, b"").await;
    let version = String::from_utf8(asked.output).expect("text");
    let is_mariadb = version.to_lowercase().contains("mariadb");
    let called = server.source.engine == letsbe_catalog::DatabaseEngine::Mariadb;
    assert!(asked.success && !version.trim().is_empty(), "{}", asked.errors);
    assert_eq!(is_mariadb, called, "{:?} is {version}", server.source.engine);
}

/// What a trigger runs as comes along with it, without its password.
async fn definers(original: &Server, copy: &Server) {
    let watched = "CREATE USER 'report'@'%' IDENTIFIED BY 'Canary-1-password'; GRANT ALL ON shop.* TO 'report'@'%';\
                   CREATE TABLE watched (a INT); CREATE TABLE noticed (a INT);\
                   CREATE DEFINER='report'@'%' TRIGGER notice AFTER INSERT ON watched FOR EACH ROW \
                   INSERT INTO noticed VALUES (NEW.a);";
    told(original, watched).await;
    let made = run(&original.with(|of, access| roles(of, access).expect("the superuser may ask")), b"").await;
    let statements = String::from_utf8(made.output).expect("text");
    assert!(made.success && statements.contains("'report'@'%'"), "{statements} {}", made.errors);
    assert!(!statements.contains("Canary"), "{statements}");
    let (dump, _) = original.dumped(None).await;
    told(copy, "DROP DATABASE shop; CREATE DATABASE shop;").await;
    let make = copy.with(|of, access| make_roles(of, access, &statements).expect("the superuser may"));
    run(&make, b"").await;
    let loaded = copy.loaded(&dump).await;
    assert!(loaded.success, "{}", loaded.errors);
    run(&make, b"").await;
    let noticed = told(copy, "INSERT INTO watched VALUES (5); SELECT a FROM noticed;").await;
    assert!(noticed.ends_with("5\n"), "{noticed}");
}

/// The server drops the connection in the middle of a dump: its client fails, and what has come is no dump.
async fn cut_off(server: &Server) {
    let command = server.with(|source, access| dump(source, access, None));
    // What it says is not looked at: MariaDB's client fails without a word.
    let mut child = command.process().stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("docker");
    let mut output = child.stdout.take().expect("an output");
    let (mut counter, mut piece) = (DumpCounter::new(server.source.engine), [0; 4096]);
    while !counter.has_begun() {
        let length = output.read(&mut piece).await.expect("read");
        assert!(length > 0, "it ends before it has begun");
        counter.feed(&piece[..length]);
    }
    // Nobody reads on, and no pipe holds what is to come.
    let others = "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist \
                  WHERE user = 'root' AND db = 'shop' AND id <> CONNECTION_ID();";
    let kill = told(server, others).await;
    told(server, kill.lines().find(|line| line.starts_with("KILL ")).expect("the dump's connection")).await;
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).await.expect("read");
    counter.feed(&rest);
    assert!(!child.wait().await.expect("an end").success());
    assert!(counter.finish().expect_err("refused").contains("cut off"));
}

/// A view that has lost its table is named; without it there is no dump.
async fn invalid_view(server: &Server) {
    told(server, "CREATE VIEW orphan AS SELECT id FROM times; DROP TABLE times;").await;
    let ended = run(&server.with(|source, access| dump(source, access, None)), b"").await;
    assert!(!ended.success && ended.errors.contains("shop.orphan"), "{}", ended.errors);
}

fn first_difference(one: &[u8], other: &[u8]) -> String {
    let [one, other] = [one, other].map(String::from_utf8_lossy);
    let differ = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    differ.map_or_else(|| "one is longer".to_owned(), |(one, other)| format!("{one:.300}\n{other:.300}"))
}
