#![doc = include_str!("../README.md")]

mod agents;
mod background;
mod backups;
mod changes;
mod copy;
mod database;
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
mod relocation;
mod search;
mod sql;
mod staff;
mod tasks;
mod tenants;
mod timeline;
mod transactions;
mod unpaid;

use sea_orm::{DatabaseConnection, DbErr};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub use agents::{AgentStatus, Introduction, RegisterError};
pub use background::{BackgroundTask, LeasedTask, TaskRecord};
pub use backups::{alarms::NewAlarm, destinations::NewDestination};
pub use database::{Database, NoDatabase, Postgres};
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
pub use relocation::{Relocation, TableRows};
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
    changes: changes::Changes,
    quotas: Quotas,
}

impl Store {
    /// Opens the database, and makes and migrates what is not there.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open(database: impl Into<Database>) -> Result<Self, StoreError> {
        Ok(Self::on(database::open(&database.into()).await?))
    }

    /// Opens the database only to read it: nothing is made, migrated or written.
    ///
    /// # Errors
    /// When it is not there, is of another version of this program, or cannot be read.
    pub async fn open_to_read(database: impl Into<Database>) -> Result<Self, StoreError> {
        Ok(Self::on(database::open_to_read(&database.into()).await?))
    }

    fn on(db: DatabaseConnection) -> Self {
        Self { db, changes: changes::Changes::default(), quotas: Quotas::default() }
    }

    /// Ends all its connections.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close(self) -> Result<(), StoreError> {
        // Its listener has a connection, too.
        drop(self.changes);
        Ok(self.db.close().await?)
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
}

/// How tokens and keys are stored: they are random and long, so a plain hash is enough.
#[must_use]
pub fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn row_error(table: &'static str) -> impl Fn(&dyn std::fmt::Display) -> StoreError {
    move |why| StoreError::Row { table, why: why.to_string() }
}
