//! Databases of tests: each is a copy of one template. What was of a test whose folder has gone is emptied and taken again: to
//! make and to drop a database takes checkpoints, and more time on a busy machine than most tests.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    postgres::PgConnectOptions,
};
use tokio::sync::{Mutex, OnceCell};

use crate::Server;

const TEMPLATE: &str = "migrated";

/// A database, and whose it is.
struct Made {
    folder: PathBuf,
    name: String,
    /// Its name at the server, as soon as it is there.
    database: Arc<OnceCell<String>>,
}

static MADE: Mutex<Vec<Made>> = Mutex::const_new(Vec::new());
static TEMPLATED: OnceCell<()> = OnceCell::const_new();

/// The address of the database that a test's folder has under this name; made when it is asked for first. `migrate`
/// brings the schema into the template and leaves no connection open; only its first call matters.
///
/// # Panics
/// When PostgreSQL is not installed or fails.
pub async fn database_of(folder: &Path, name: &str, migrate: impl AsyncFnOnce(String)) -> String {
    let server = Server::shared();
    let template = async || {
        execute(&mut connect("postgres").await, &format!("CREATE DATABASE {TEMPLATE}")).await;
        migrate(server.url(TEMPLATE)).await;
    };
    TEMPLATED.get_or_init(template).await;
    let (database, left) = place_of(folder, name).await;
    let made = async || {
        let database = format!("test_{}", next_number());
        match left {
            Some(left) => empty(&left, &database).await,
            None => copy(&database).await,
        }
        database
    };
    server.url(database.get_or_init(made).await)
}

/// Where the name of a test's database is or will be, and the database of a test that has ended, which may become it.
async fn place_of(folder: &Path, name: &str) -> (Arc<OnceCell<String>>, Option<String>) {
    let mut made = MADE.lock().await;
    if let Some(known) = made.iter().find(|known| known.folder == folder && known.name == name) {
        return (Arc::clone(&known.database), None);
    }
    let left = made.iter().position(|known| known.database.initialized() && !known.folder.exists());
    let left = left.and_then(|place| made.swap_remove(place).database.get().cloned());
    let database = Arc::<OnceCell<String>>::default();
    made.push(Made { folder: folder.to_owned(), name: name.to_owned(), database: Arc::clone(&database) });
    (database, left)
}

async fn copy(database: &str) {
    let mut connection = connect("postgres").await;
    // Files are copied in a sixth of the time that their pages take through the log.
    let copy = format!("CREATE DATABASE {database} TEMPLATE {TEMPLATE} STRATEGY file_copy");
    execute(&mut connection, &copy).await;
    connection.close().await.expect("closes");
}

/// All rows of all tables go, and the numbers that tables give begin anew; what migrations have done stays.
const EMPTY: &str = "
DO $$
DECLARE tables text[]; name text; has_rows boolean;
BEGIN
  FOR name IN SELECT quote_ident(relname) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'seaql_migrations'
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', name) INTO has_rows;
    IF has_rows THEN tables := tables || name; END IF;
  END LOOP;
  IF tables IS NOT NULL THEN EXECUTE 'TRUNCATE ' || array_to_string(tables, ', '); END IF;
  FOR name IN SELECT quote_ident(relname) FROM pg_class
    WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
  LOOP
    EXECUTE format('ALTER SEQUENCE %s RESTART', name);
  END LOOP;
END $$";

/// A database that somebody may still have open gets another name, by which nobody knows it, and no rows.
async fn empty(left: &str, database: &str) {
    let mut connection = connect("postgres").await;
    execute(&mut connection, &format!("ALTER DATABASE {left} ALLOW_CONNECTIONS false")).await;
    let end = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = ";
    execute(&mut connection, &format!("{end}'{left}'")).await;
    execute(&mut connection, &format!("ALTER DATABASE {left} RENAME TO {database}")).await;
    execute(&mut connection, &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true")).await;
    connection.close().await.expect("closes");
    let mut connection = connect(database).await;
    execute(&mut connection, EMPTY).await;
    connection.close().await.expect("closes");
}

/// A number that no other database of this server has.
fn next_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn connect(database: &str) -> PgConnection {
    let address: PgConnectOptions = Server::shared().url(database).parse().expect("an address");
    address.disable_statement_logging().connect().await.expect("the server answers")
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    connection.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The address of the database that a test's folder has under this name: a file of SQLite in the folder, or a database of
/// [`database_of`] when the test program runs on PostgreSQL.
///
/// # Panics
/// When PostgreSQL is wanted, and is not installed or fails.
pub async fn address_of(folder: &Path, name: &str, migrate: impl AsyncFnOnce(String)) -> String {
    match crate::is_wanted() {
        true => database_of(folder, name, migrate).await,
        false => format!("sqlite:{}", folder.join(name).display()),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, Executor as _, Row as _};

    use super::{connect, database_of};

    #[tokio::test]
    async fn a_database_is_its_tests_own_and_the_next_one_finds_nothing_of_it() {
        let migrate = async |url: String| {
            let mut connection = sqlx::PgConnection::connect(&url).await.expect("answers");
            connection.execute("CREATE TABLE kept (number BIGSERIAL, text TEXT)").await.expect("made");
            connection.close().await.expect("closes");
        };
        let insert = "INSERT INTO kept (text) VALUES ('x') RETURNING number, (SELECT COUNT(*) FROM kept)";
        let mut left = None;
        for _ in 0..3 {
            let folder = tempfile::tempdir().expect("a folder");
            let url = database_of(folder.path(), "one", migrate).await;
            assert_eq!(url, database_of(folder.path(), "one", migrate).await);
            assert_ne!(url, database_of(folder.path(), "other", migrate).await);
            let mut connection = sqlx::PgConnection::connect(&url).await.expect("answers");
            let row = connection.fetch_one(insert).await.expect("a row");
            assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (1, 0));
            // Whoever still has it open does not hold up the next one, and has no part in it.
            if let Some(mut former) = left.replace((connection, url)) {
                assert!(former.0.execute("SELECT 1").await.is_err());
                assert!(sqlx::PgConnection::connect(&former.1).await.is_err());
            }
        }
        let count = "SELECT COUNT(*) FROM pg_database WHERE datname LIKE 'test_%'";
        let row = connect("postgres").await.fetch_one(count).await.expect("a row");
        assert_eq!(row.get::<i64, _>(0), 2, "taken again");
    }
}
