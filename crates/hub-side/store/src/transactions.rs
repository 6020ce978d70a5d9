//! Transactions that write, and what protects what they read from being changed meanwhile.
//!
//! SQLite has one writer at a time, and a transaction here takes that place before it reads anything. PostgreSQL has
//! many, so each transaction says what it depends on:
//!
//! - [`Store::begin_write`]: on anything. It is alone, as on SQLite.
//! - [`Store::begin_write_of`]: on one order and what belongs to it (its effects, timeline, tasks, messages, jobs, agent,
//!   recovery). Those of other orders go on beside it; what must be unique among all orders is a unique index.
//! - [`Store::begin_lease`]: on single rows, which it locks as it reads them (`FOR UPDATE SKIP LOCKED`).
//!
//! A change that is one statement needs none of them: a database carries a statement out whole, and PostgreSQL looks at a
//! row's condition again when it had to wait for it.

use letsbe_types::ids::OrderId;
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use crate::Store;

// Advisory locks of PostgreSQL: "letsbe" and a number.
/// Held by whoever brings the schema forward.
pub(crate) const MIGRATING: i64 = 0x6c65_7473_6265_0001;
/// Held alone by a transaction that depends on anything, together by those that depend on one order.
const WRITING: i64 = 0x6c65_7473_6265_0002;
/// The first half of the lock of an order; the second half is a part of its id.
const ORDER: i32 = 0x6c65_7473;

impl Store {
    /// Begins a write that may depend on anything in the database.
    pub(crate) async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        self.begin_with(|| format!("SELECT pg_advisory_xact_lock({WRITING})")).await
    }

    /// Begins a write that depends on one order, and on what belongs to it, alone.
    pub(crate) async fn begin_write_of(&self, order: OrderId) -> Result<DatabaseTransaction, DbErr> {
        // The last bits of an id are random; two orders that share them wait for each other without need.
        let part = order.0.as_u128() as u32 as i32;
        let locks = || {
            format!(
                "SELECT pg_advisory_xact_lock_shared({WRITING}); SELECT pg_advisory_xact_lock({ORDER}, {part})"
            )
        };
        self.begin_with(locks).await
    }

    /// Begins a write that locks each row that it depends on.
    pub(crate) async fn begin_lease(&self) -> Result<DatabaseTransaction, DbErr> {
        self.begin().await
    }

    async fn begin_with(&self, locks: impl FnOnce() -> String) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            transaction.execute_unprepared(&locks()).await?;
        }
        Ok(transaction)
    }

    /// On SQLite a deferred transaction could lose against another writer.
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.db.begin_with_options(options).await
    }
}
