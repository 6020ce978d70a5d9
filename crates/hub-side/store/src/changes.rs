//! Who waits for changes is woken by this process's own at once, and on PostgreSQL by those of every Hub: each commit that
//! means work for somebody sends a notification. It is a hint only; the database tells what is there.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, sqlx};
use tokio::{sync::watch, task::JoinHandle};

use crate::{Store, StoreError};

const CHANNEL: &str = "letsbe_changed";
/// A listener that lost its connection tries again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// Where changes are told, and the listener for those of other Hubs. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    count: watch::Sender<u64>,
    listener: Arc<OnceLock<Listener>>,
}

/// A task that ends when nobody has the store any more.
#[derive(Debug)]
struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self { count: watch::Sender::new(0), listener: Arc::default() }
    }
}

impl Store {
    /// Changes when something was written, by this process or, on PostgreSQL, by another Hub: for workers and live pages, on
    /// top of polling.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        let Changes { count, listener } = &self.changes;
        if self.db.get_database_backend() == DbBackend::Postgres {
            let listen = || Listener(tokio::spawn(listen(self.db.clone(), count.clone())));
            listener.get_or_init(listen);
        }
        count.subscribe()
    }

    /// Commits, and tells those who wait for changes.
    pub(crate) async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), StoreError> {
        notify(&transaction).await?;
        transaction.commit().await?;
        self.changes.count.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Tells of a change that was one statement.
    pub(crate) async fn announce(&self) -> Result<(), StoreError> {
        self.changes.count.send_modify(|count| *count += 1);
        Ok(notify(&self.db).await?)
    }
}

/// PostgreSQL delivers it with the commit, and one for all of the same of a transaction.
async fn notify(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared(&format!("NOTIFY {CHANNEL}")).await?;
    }
    Ok(())
}

/// Counts what other Hubs tell; also whenever something may have been missed.
async fn listen(db: DatabaseConnection, count: watch::Sender<u64>) {
    let changed = || count.send_modify(|count| *count += 1);
    loop {
        if let Ok(mut listener) =
            sqlx::postgres::PgListener::connect_with(db.get_postgres_connection_pool()).await
            && listener.listen(CHANNEL).await.is_ok()
        {
            // What came before this moment was not heard.
            changed();
            while let Ok(Some(_)) = listener.try_recv().await {
                changed();
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
