#![doc = include_str!("../README.md")]

mod agents;
mod backups;
mod copy;
mod entities;
mod jobs;
mod messages;
mod migration;
mod order_list;
mod orders;
mod outbox;
mod payments;
mod recoveries;
mod relay;
mod search;
mod staff;
mod tasks;
mod tenants;
mod timeline;
mod unpaid;

use std::path::Path;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait as _;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub use agents::{AgentStatus, Introduction, RegisterError};
pub use backups::{alarms::NewAlarm, destinations::NewDestination};
pub use jobs::{Job, NewJob};
pub use messages::{LeasedMessage, MessageKind, UnsentMessage, UnsentMessages};
pub use order_list::{ListedOrders, OrderFilter, OrderQuery};
pub use orders::{NewOrder, Order};
pub use outbox::{Finished, LeasedEffect};
pub use payments::{MoneyStanding, Movement, MovementKind, PaymentNews, PaymentOutcome, StripeNews, Sum};
pub use recoveries::{KeysGiven, NewRecovery, Recovery};
pub use relay::{
    keys::KeyGiven,
    requests::{RelayRequest, RelayUse, Reserved},
    usage::MeteredDay,
};
pub use search::{Search, Sort};
pub use staff::{Staff, StaffMember};
pub use tasks::TASK_KINDS;
pub use tenants::{
    KeyRefused,
    configuration::{Configured, Defaults},
    events::EventsTaken,
    gate_log::{CutKind, LogCut},
    heartbeats::{Beat, Heard},
    list::{Limits, ListedTenants, NEEDS_YOU, Rating, TenantQuery},
    quotas::{Allowance, Quotas},
    reads::Tenant,
    standings::{Standing, Unrated},
};
pub use timeline::{NewEntry, whole};

/// Why the database did not do what it was asked for.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database itself failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    /// A row holds what this version cannot read.
    #[error("a row of {table} cannot be read: {why}")]
    Row {
        /// Which table.
        table: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such order.
    #[error("there is no order {0}")]
    NoSuchOrder(letsbe_types::ids::OrderId),
    /// The database is not there, or not as this version needs it.
    #[error("{0}")]
    Unready(String),
    /// The event makes no sense for the order.
    #[error(transparent)]
    Illegal(#[from] letsbe_lifecycle::order::IllegalEvent),
    /// Another order has this server.
    #[error("server {0} belongs to another order")]
    ServerTaken(letsbe_types::ids::ServerId),
    /// So many runs on live servers are under way already.
    #[error("{0} runs on live servers are under way already")]
    ManyRuns(u64),
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: DatabaseConnection,
    changed: tokio::sync::watch::Sender<u64>,
    quotas: Quotas,
}

impl Store {
    /// Opens (and makes, and migrates) the SQLite database in `file`.
    ///
    /// # Errors
    /// When the file cannot be opened or migrated.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        private(file).map_err(|error| DbErr::Custom(format!("{}: {error}", file.display())))?;
        let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", file.display()));
        options.max_connections(4).sqlx_logging(false).map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(sea_orm::sqlx::sqlite::SqliteJournalMode::Wal)
                .synchronous(sea_orm::sqlx::sqlite::SqliteSynchronous::Full)
                .busy_timeout(std::time::Duration::from_secs(10))
                // Many heartbeats change the same pages again and again: a larger log writes each back less often.
                .pragma("wal_autocheckpoint", "16384")
                .pragma("cache_size", "-65536")
        });
        let db = Database::connect(options).await?;
        migration::Migrator::up(&db, None).await?;
        Ok(Self { db, changed: tokio::sync::watch::Sender::new(0), quotas: Quotas::default() })
    }

    /// Opens the database only to read it: nothing is made, migrated or written.
    ///
    /// # Errors
    /// When the file is not there, is of another version of this program, or cannot be read.
    pub async fn open_to_read(file: &Path) -> Result<Self, StoreError> {
        let unready = |why: String| StoreError::Unready(format!("{}: {why}", file.display()));
        if !file.try_exists().map_err(|error| unready(error.to_string()))? {
            return Err(unready("there is no database yet. Nothing was changed.".to_owned()));
        }
        let mut options = ConnectOptions::new(format!("sqlite://{}?mode=ro", file.display()));
        options
            .max_connections(1)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(std::time::Duration::from_secs(10)));
        let db = Database::connect(options).await?;
        let pending = migration::Migrator::get_pending_migrations(&db).await;
        match pending.map(|steps| steps.len()) {
            Ok(0) => Ok(Self { db, changed: tokio::sync::watch::Sender::new(0), quotas: Quotas::default() }),
            Ok(missing) => Err(unready(format!(
                "the database is of an older version, {missing} steps of its schema are missing: `letsbe-hub serve` \
                 brings it forward. Nothing was changed."
            ))),
            Err(error) => {
                Err(unready(format!("this is no database of this program: {error}. Nothing was changed.")))
            }
        }
    }

    /// With other quotas for tenants' servers.
    #[must_use]
    pub fn limited(self, quotas: Quotas) -> Self {
        Self { quotas, ..self }
    }

    /// Tells of every statement before its rows are used: so tests count them.
    #[must_use]
    pub fn observed(mut self, observe: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.db.set_metric_callback(move |told| observe(&told.statement.sql));
        self
    }

    /// Tells when something was written by this process: for workers and live pages, on top of polling.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The only way to begin a write: on SQLite a deferred transaction could lose against another writer.
    async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.db.begin_with_options(options).await
    }

    async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), StoreError> {
        transaction.commit().await?;
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }
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

/// How tokens and keys are stored: they are random and long, so a plain hash is enough.
#[must_use]
pub fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn row_error(table: &'static str) -> impl Fn(&dyn std::fmt::Display) -> StoreError {
    move |why| StoreError::Row { table, why: why.to_string() }
}
