//! Copies of the whole database, made while it is used, and what is in one.

use std::path::Path;

use letsbe_types::backups::HubCounts;
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend,
    IsolationLevel, Statement, TransactionTrait as _, sqlx::sqlite::SqliteJournalMode,
};
use sea_orm_migration::MigratorTrait as _;

use crate::{Store, StoreError, database, migration::Migrator, relocation, row_error, tenants::unsigned};

impl Store {
    /// Writes a consistent copy into a new file of SQLite; whoever reads or writes meanwhile goes on. Of PostgreSQL it has
    /// every row of every table as of one moment, counted on both sides.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        if self.db.get_database_backend() != DbBackend::Sqlite {
            return copy_of_postgres(&self.db, file).await;
        }
        let path = file.to_str().ok_or_else(|| row_error("files")(&"a path that is no text"))?;
        let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [path.into()]);
        self.db.execute_raw(copy).await?;
        Ok(())
    }

    /// What a database holds that nobody uses just now, after SQLite itself found nothing wrong with it. It is not
    /// changed.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is of another version of this program.
    pub async fn inspect(file: &Path) -> Result<HubCounts, StoreError> {
        let mut options = ConnectOptions::new(format!("sqlite://{}?mode=ro", file.display()));
        options.max_connections(1).sqlx_logging(false);
        let db = Database::connect(options).await?;
        let counts = inspected(&db).await;
        db.close().await?;
        counts
    }
}

async fn copy_of_postgres(db: &DatabaseConnection, file: &Path) -> Result<(), StoreError> {
    let wrong = |error: std::io::Error| row_error("files")(&format!("{}: {error}", file.display()));
    if file.try_exists().map_err(wrong)? {
        return Err(row_error("files")(&format!("{} is there already", file.display())));
    }
    let copy = database::open(&file.into()).await?;
    let moment = (Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly));
    let from = db.begin_with_config(moment.0, moment.1).await?;
    // While the file is written, nothing is said here.
    from.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    let to = copy.begin().await?;
    relocation::copy_all(&from, &to).await?;
    to.commit().await?;
    from.commit().await?;
    copy.close().await?;
    // One file, with nothing beside it.
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rw", file.display()));
    options.max_connections(1).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(|sqlite| sqlite.journal_mode(SqliteJournalMode::Delete));
    Ok(Database::connect(options).await?.close().await?)
}

async fn inspected(db: &DatabaseConnection) -> Result<HubCounts, StoreError> {
    let bad = row_error("sqlite_schema");
    let text = |sql: &'static str| Statement::from_string(DbBackend::Sqlite, sql);
    let row = db.query_one_raw(text("PRAGMA integrity_check")).await?;
    let found: String = row.ok_or_else(|| bad(&"no answer"))?.try_get_by_index(0)?;
    if found != "ok" {
        return Err(bad(&format!("SQLite finds it damaged: {found}")));
    }
    let pending = Migrator::get_pending_migrations(db).await?.len();
    if pending > 0 {
        return Err(bad(&format!("{pending} steps of its schema are missing: it is of an older version")));
    }
    let count = async |table: &str| -> Result<u64, StoreError> {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let row = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
        Ok(unsigned(row.ok_or_else(|| row_error("sqlite_schema")(&"no count"))?.try_get_by_index(0)?))
    };
    Ok(HubCounts {
        orders: count("orders").await?,
        tenants: count("agents").await?,
        staff: count("staff").await?,
        escrows: count("tenant_escrows").await?,
    })
}
