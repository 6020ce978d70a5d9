//! Databases of tests: each is a copy of one template, and goes when the folder of its test has gone.

use std::path::{Path, PathBuf};

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
    database: String,
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
        execute(&mut connect().await, &format!("CREATE DATABASE {TEMPLATE}")).await;
        migrate(server.url(TEMPLATE)).await;
    };
    TEMPLATED.get_or_init(template).await;
    let mut made = MADE.lock().await;
    if let Some(known) = made.iter().find(|known| known.folder == folder && known.name == name) {
        return server.url(&known.database);
    }
    let mut connection = connect().await;
    let (gone, kept): (Vec<Made>, Vec<Made>) =
        std::mem::take(&mut *made).into_iter().partition(|known| !known.folder.exists());
    for one in gone {
        execute(&mut connection, &format!("DROP DATABASE {} WITH (FORCE)", one.database)).await;
    }
    *made = kept;
    let database = format!("test_{}", next_number());
    // Files are copied in a sixth of the time that their pages take through the log.
    let copy = format!("CREATE DATABASE {database} TEMPLATE {TEMPLATE} STRATEGY file_copy");
    execute(&mut connection, &copy).await;
    connection.close().await.expect("closes");
    made.push(Made { folder: folder.to_owned(), name: name.to_owned(), database: database.clone() });
    server.url(&database)
}

/// A number that no other database of this server has.
fn next_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn connect() -> PgConnection {
    let address: PgConnectOptions = Server::shared().url("postgres").parse().expect("an address");
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
