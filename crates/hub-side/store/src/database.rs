//! Which database a Hub has, and connections to it.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use letsbe_types::Secret;
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database as Connector, DatabaseConnection, DbBackend, DbErr,
    TransactionTrait as _,
    sqlx::{postgres::PgSslMode, sqlite},
};
use sea_orm_migration::MigratorTrait as _;
use thiserror::Error;
use url::{Host, Url};

use crate::{StoreError, migration::Migrator, transactions::MIGRATING};

/// How long a statement waits for another one's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which database a Hub has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file of SQLite on this machine: for one Hub.
    Sqlite(PathBuf),
    /// A database of PostgreSQL, which several Hubs may share.
    Postgres(Postgres),
}

/// The address of a database of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    url: Url,
    password: Option<Secret<String>>,
}

/// Why a text names no database.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NoDatabase(String);

impl From<&Path> for Database {
    fn from(file: &Path) -> Self {
        Self::Sqlite(file.to_owned())
    }
}

impl From<&PathBuf> for Database {
    fn from(file: &PathBuf) -> Self {
        Self::Sqlite(file.clone())
    }
}

impl From<&Self> for Database {
    fn from(database: &Self) -> Self {
        database.clone()
    }
}

impl FromStr for Database {
    type Err = NoDatabase;

    /// `sqlite:<file>` or `postgres://<user>@<host>/<database>`.
    fn from_str(text: &str) -> Result<Self, NoDatabase> {
        if let Some(file) = text.strip_prefix("sqlite:") {
            let file = file.strip_prefix("//").unwrap_or(file);
            return if file.starts_with('/') {
                Ok(Self::Sqlite(file.into()))
            } else {
                Err(NoDatabase("sqlite: needs the whole path of a file, as in sqlite:/var/lib/…".to_owned()))
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Postgres::parse(text).map(Self::Postgres).map_err(NoDatabase);
        }
        Err(NoDatabase("it begins with neither sqlite: nor postgres://".to_owned()))
    }
}

impl Database {
    /// The same with this password, which only PostgreSQL has.
    #[must_use]
    pub fn with_password(self, password: Secret<String>) -> Self {
        match self {
            Self::Sqlite(file) => Self::Sqlite(file),
            Self::Postgres(postgres) => Self::Postgres(Postgres { password: Some(password), ..postgres }),
        }
    }
}

/// Without a password.
impl std::fmt::Display for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(file) => file.display().fmt(f),
            Self::Postgres(postgres) => postgres.url.fmt(f),
        }
    }
}

impl Postgres {
    fn parse(text: &str) -> Result<Self, String> {
        // What the parser says could quote a password.
        let url: Url = text.parse().map_err(|_| "it is no postgres:// address".to_owned())?;
        let names_password = url.query_pairs().any(|(name, _)| name == "password");
        if url.password().is_some() || names_password {
            return Err(
                "a password stands in the address: put it into a file, database_password_file".to_owned()
            );
        }
        if url.path().trim_matches('/').is_empty() {
            return Err("the address names no database, as in postgres://user@host/database".to_owned());
        }
        let mode = url.query_pairs().find(|(name, _)| matches!(&**name, "sslmode" | "ssl-mode"));
        let is_verified = mode.is_none_or(|(_, mode)| mode == "verify-full");
        if !is_verified && !is_local(&url) {
            return Err("a database on another machine needs sslmode=verify-full, or none at all".to_owned());
        }
        Ok(Self { url, password: None })
    }

    fn options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::new(self.url.as_str());
        let is_remote = !is_local(&self.url);
        let password = self.password.clone();
        options.max_connections(8).sqlx_logging(false).map_sqlx_postgres_opts(move |postgres| {
            let seconds = format!("{}s", PATIENCE.as_secs());
            let postgres = postgres.application_name("letsbe-hub").options([
                // Whoever holds a lock and says nothing any more (its machine is gone) loses it.
                ("lock_timeout", &*seconds),
                ("idle_in_transaction_session_timeout", &*seconds),
                // Who waited for a lock reads what was written meanwhile, whatever this database's default is.
                ("default_transaction_isolation", "read committed"),
            ]);
            let postgres = match &password {
                Some(password) => postgres.password(password.expose()),
                None => postgres,
            };
            if is_remote { postgres.ssl_mode(PgSslMode::VerifyFull) } else { postgres }
        });
        options
    }
}

/// Whether what is sent there stays on this machine.
fn is_local(url: &Url) -> bool {
    let is_loopback = match url.host() {
        None => true,
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // Other schemes than the Web's keep an IP address, and a socket's path, as text.
        Some(Host::Domain(name)) => {
            let is_address = name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
            name.is_empty()
                || name == "localhost"
                || name.to_ascii_lowercase().starts_with("%2f")
                || is_address
        }
    };
    let mut others = url.query_pairs().filter(|(name, _)| matches!(&**name, "host" | "hostaddr"));
    is_loopback && others.all(|(_, host)| host.starts_with('/') || host == "localhost" || host == "127.0.0.1")
}

/// Connects, and makes and migrates what is not there.
pub(crate) async fn open(database: &Database) -> Result<DatabaseConnection, StoreError> {
    let db = connect(database).await?;
    migrate(&db).await?;
    Ok(db)
}

/// Connects; a file of SQLite that is not there is made.
pub(crate) async fn connect(database: &Database) -> Result<DatabaseConnection, StoreError> {
    match database {
        Database::Sqlite(file) => {
            private(file).map_err(|error| DbErr::Custom(format!("{}: {error}", file.display())))?;
            Ok(Connector::connect(writing(file)).await?)
        }
        Database::Postgres(postgres) => Ok(Connector::connect(postgres.options()).await?),
    }
}

/// Connects to a file of SQLite that nobody else uses, nor can use meanwhile.
pub(crate) async fn open_alone(file: &Path) -> Result<DatabaseConnection, StoreError> {
    // Says whether it is there and of this version.
    open_to_read(&file.into()).await?.close().await?;
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rw", file.display()));
    // The one connection has the lock: it stays as long as it is wanted.
    options.idle_timeout(None).max_lifetime(None);
    options.max_connections(1).sqlx_logging(false).map_sqlx_sqlite_opts(|sqlite| {
        let alone = sqlite.locking_mode(sqlite::SqliteLockingMode::Exclusive);
        alone.journal_mode(sqlite::SqliteJournalMode::Wal).busy_timeout(Duration::from_secs(1))
    });
    let in_use = |error: DbErr| {
        let why =
            format!("{}: it is in use; stop the Hub first ({error}). Nothing was changed.", file.display());
        StoreError::Unready(why)
    };
    let db = Connector::connect(options).await.map_err(in_use)?;
    db.execute_unprepared("BEGIN EXCLUSIVE; COMMIT").await.map_err(in_use)?;
    Ok(db)
}

/// Connects only to read.
pub(crate) async fn open_to_read(database: &Database) -> Result<DatabaseConnection, StoreError> {
    let unready = |why: String| StoreError::Unready(format!("{database}: {why}"));
    let db = match database {
        Database::Sqlite(file) => {
            if !file.try_exists().map_err(|error| unready(error.to_string()))? {
                return Err(unready("there is no database yet. Nothing was changed.".to_owned()));
            }
            let mut options = ConnectOptions::new(format!("sqlite://{}?mode=ro", file.display()));
            options.max_connections(1).sqlx_logging(false);
            options.map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(PATIENCE));
            Connector::connect(options).await?
        }
        Database::Postgres(postgres) => {
            let mut options = postgres.options();
            let connected = options.after_connect(|db| {
                Box::pin(async move {
                    db.execute_unprepared("SET default_transaction_read_only = on").await.map(drop)
                })
            });
            Connector::connect(connected.max_connections(1).clone()).await?
        }
    };
    match Migrator::get_pending_migrations_read_only(&db).await.map(|steps| steps.len()) {
        Ok(0) => Ok(db),
        Ok(missing) => Err(unready(format!(
            "the database is of an older version, {missing} steps of its schema are missing: `letsbe-hub serve` \
             brings it forward. Nothing was changed."
        ))),
        Err(error) => {
            Err(unready(format!("this is no database of this program: {error}. Nothing was changed.")))
        }
    }
}

fn writing(file: &Path) -> ConnectOptions {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", file.display()));
    options.max_connections(4).sqlx_logging(false).map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .journal_mode(sqlite::SqliteJournalMode::Wal)
            .synchronous(sqlite::SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            // Many heartbeats change the same pages again and again: a larger log writes each back less often.
            .pragma("wal_autocheckpoint", "16384")
            .pragma("cache_size", "-65536")
    });
    options
}

/// One Hub at a time brings the schema forward: the next one finds it done.
async fn migrate(db: &DatabaseConnection) -> Result<(), StoreError> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(Migrator::up(db, None).await?);
    }
    let lock = db.begin().await?;
    let waits = "SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    lock.execute_unprepared(&format!("{waits}; SELECT pg_advisory_xact_lock({MIGRATING})")).await?;
    Migrator::up(db, None).await?;
    Ok(lock.commit().await?)
}

/// Nobody else reads the database, whatever the process's mask is; SQLite gives its other files the same mode.
fn private(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let opened = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    if opened.metadata()?.permissions().mode() & 0o077 != 0 {
        opened.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Database, is_local};

    #[test]
    fn a_database_is_named_by_its_address_and_a_password_has_no_place_in_it() {
        let read = |text: &str| text.parse::<Database>();
        for file in ["sqlite:/var/lib/letsbe-hub/hub.sqlite", "sqlite:///var/lib/letsbe-hub/hub.sqlite"] {
            assert_eq!(read(file), Ok(Database::Sqlite("/var/lib/letsbe-hub/hub.sqlite".into())));
        }
        let address = "postgres://hub@db.example.com/letsbe";
        assert_eq!(read(address).expect("an address").to_string(), address);
        for (wrong, why) in [
            ("hub.sqlite", "neither"),
            ("sqlite:hub.sqlite", "whole path"),
            ("mysql://hub@localhost/letsbe", "neither"),
            ("postgres://hub@localhost", "no database"),
            ("postgres://hub@localhost/", "no database"),
            ("postgres://hub:canary@localhost/letsbe", "database_password_file"),
            ("postgres://hub@localhost/letsbe?password=canary", "database_password_file"),
            ("postgres://hub:canary@local host/letsbe", "no postgres:// address"),
            ("postgres://hub@db.example.com/letsbe?sslmode=prefer", "verify-full"),
            ("postgres://hub@localhost/letsbe?host=10.0.0.1&sslmode=disable", "verify-full"),
        ] {
            let refused = read(wrong).expect_err(wrong).to_string();
            assert!(refused.contains(why) && !refused.contains("canary"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn what_leaves_this_machine_is_known_by_its_address() {
        for (address, local) in [
            ("postgres:///letsbe", true),
            ("postgres://hub@localhost/letsbe", true),
            ("postgres://hub@127.0.0.1:5433/letsbe", true),
            ("postgres://hub@[::1]/letsbe", true),
            ("postgres://hub@%2Frun%2Fpostgresql/letsbe", true),
            ("postgres://hub@localhost/letsbe?host=/run/postgresql", true),
            ("postgres://hub@localhost/letsbe?host=db.example.com", false),
            ("postgres://hub@localhost/letsbe?hostaddr=10.0.0.1", false),
            ("postgres://hub@10.0.0.1/letsbe", false),
            ("postgres://hub@db.example.com/letsbe", false),
        ] {
            assert_eq!(is_local(&address.parse().expect("an address")), local, "{address}");
        }
    }
}
