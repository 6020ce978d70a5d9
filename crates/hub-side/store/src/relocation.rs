//! A Hub's database from SQLite to PostgreSQL: every row of every table, in one transaction, counted on both sides.
//!
//! PostgreSQL keeps no U+0000 in any text. A former Hub kept what a server sent: U+FFFD takes its place, as in all that the
//! Hub takes today.

use std::path::Path;

use crate::{Database, Store, StoreError, database, entities, row_error};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend,
    EntityTrait, IntoActiveModel, Iterable as _, PaginatorTrait as _, PrimaryKeyToColumn as _,
    QueryOrder as _, Statement, Value,
};
use serde_json::Value as Json;

/// Rows that travel together: all their values fit into one statement.
const ROWS: u64 = 500;
/// Tables whose rows get their numbers from the database.
const NUMBERED: [&str; 4] = ["timeline", "backup_proofs", "tenant_escrows", "tenant_commands"];

/// A table with its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRows {
    /// Its name.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
}

/// A move that may begin: the source stands still and the target is empty.
#[derive(Debug)]
pub struct Relocation {
    from: DatabaseConnection,
    to: Database,
    /// What would be moved.
    pub tables: Vec<TableRows>,
}

/// Calls a function for the entity of each table.
macro_rules! each_table {
    ($call:ident($($argument:expr),*)) => {
        vec![
            $call::<entities::agent::Entity>($($argument),*).await?,
            $call::<entities::approval::Entity>($($argument),*).await?,
            $call::<entities::background_task::Entity>($($argument),*).await?,
            $call::<entities::backup_alarm::Entity>($($argument),*).await?,
            $call::<entities::backup_destination::Entity>($($argument),*).await?,
            $call::<entities::backup_look::Entity>($($argument),*).await?,
            $call::<entities::backup_proof::Entity>($($argument),*).await?,
            $call::<entities::claim::Entity>($($argument),*).await?,
            $call::<entities::command::Entity>($($argument),*).await?,
            $call::<entities::configuration::Entity>($($argument),*).await?,
            $call::<entities::drill::Entity>($($argument),*).await?,
            $call::<entities::effect::Entity>($($argument),*).await?,
            $call::<entities::escrow::Entity>($($argument),*).await?,
            $call::<entities::gate_head::Entity>($($argument),*).await?,
            $call::<entities::job::Entity>($($argument),*).await?,
            $call::<entities::message::Entity>($($argument),*).await?,
            $call::<entities::order::Entity>($($argument),*).await?,
            $call::<entities::payment_movement::Entity>($($argument),*).await?,
            $call::<entities::payment_reference::Entity>($($argument),*).await?,
            $call::<entities::recovery::Entity>($($argument),*).await?,
            $call::<entities::recovery_run::Entity>($($argument),*).await?,
            $call::<entities::relay_key::Entity>($($argument),*).await?,
            $call::<entities::relay_request::Entity>($($argument),*).await?,
            $call::<entities::relay_usage::Entity>($($argument),*).await?,
            $call::<entities::rollup::Entity>($($argument),*).await?,
            $call::<entities::session::Entity>($($argument),*).await?,
            $call::<entities::staff::Entity>($($argument),*).await?,
            $call::<entities::stripe_event::Entity>($($argument),*).await?,
            $call::<entities::task::Entity>($($argument),*).await?,
            $call::<entities::tenant_event::Entity>($($argument),*).await?,
            $call::<entities::tenant_quota::Entity>($($argument),*).await?,
            $call::<entities::tenant_standing::Entity>($($argument),*).await?,
            $call::<entities::tenant_state::Entity>($($argument),*).await?,
            $call::<entities::timeline::Entity>($($argument),*).await?,
            $call::<entities::token::Entity>($($argument),*).await?,
            $call::<entities::upkeep::Entity>($($argument),*).await?,
        ]
    };
}

impl Relocation {
    /// Looks whether the database in `file` can be moved to `to`. Nothing is changed, but nobody else can use the file
    /// from now on.
    ///
    /// # Errors
    /// When the file is in use, of another version, or has a table that this does not know; when the target is no
    /// database of PostgreSQL, cannot be reached, or holds anything.
    pub async fn prepare(file: &Path, to: Database) -> Result<Self, StoreError> {
        if !matches!(to, Database::Postgres(_)) {
            return Err(StoreError::Unready("a Hub moves to PostgreSQL only".to_owned()));
        }
        let from = database::open_alone(file).await?;
        let tables = each_table!(count(&from));
        none_is_unknown(&from, &tables).await?;
        let target = database::connect(&to).await?;
        let found = rows_in_target(&target).await;
        target.close().await?;
        match found? {
            None => Ok(Self { from, to, tables }),
            Some(table) => Err(StoreError::Unready(format!(
                "{to} is not empty (its table {table} has rows). Nothing was changed."
            ))),
        }
    }

    /// Moves everything and returns what is there now, which is as much as before.
    ///
    /// # Errors
    /// When a database fails or a table has other rows there than here; then the target stays empty.
    pub async fn carry_out(self) -> Result<Vec<TableRows>, StoreError> {
        let target = Store::open(&self.to).await?;
        let transaction = target.begin_write().await?;
        let (from, to) = (&self.from, &transaction);
        // While a large file is read, nothing is said here.
        to.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
        // Somebody may have been there since it was looked at.
        if let Some(table) = rows_in_target(to).await? {
            return Err(StoreError::Unready(format!(
                "{} is not empty: {table}. Nothing was changed.",
                self.to
            )));
        }
        let moved = copy_all(from, to).await?;
        for table in NUMBERED {
            let next = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'sequence'), \
                 (SELECT MAX(sequence) FROM {table}))"
            );
            to.execute_unprepared(&next).await?;
        }
        target.commit(transaction).await?;
        target.close().await?;
        self.from.close().await?;
        Ok(moved)
    }
}

async fn count<E>(db: &impl ConnectionTrait) -> Result<TableRows, StoreError>
where
    E: EntityTrait,
    E::Model: Send + Sync + 'static,
{
    Ok(TableRows { table: E::default().table_name().to_owned(), rows: E::find().count(db).await? })
}

/// Refuses a database with a table that this program does not know: its rows would be left behind.
async fn none_is_unknown(db: &impl ConnectionTrait, known: &[TableRows]) -> Result<(), StoreError> {
    let names = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        }
        _ => "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()",
    };
    for row in db.query_all_raw(Statement::from_string(db.get_database_backend(), names)).await? {
        let name: String = row.try_get_by_index(0)?;
        if name != "seaql_migrations" && !known.iter().any(|known| known.table == name) {
            return Err(row_error("the schema")(&format!("the table {name} would be left behind")));
        }
    }
    Ok(())
}

/// Copies every row of every table, and counts them on both sides.
pub(crate) async fn copy_all(
    from: &impl ConnectionTrait,
    to: &DatabaseTransaction,
) -> Result<Vec<TableRows>, StoreError> {
    let before = each_table!(count(from));
    none_is_unknown(from, &before).await?;
    let copied = each_table!(copy(from, to));
    let after = each_table!(count(to));
    if before != after || before != copied {
        return Err(row_error("all tables")(&"what arrived is not what was sent; nothing was kept of it"));
    }
    Ok(after)
}

async fn copy<E>(from: &impl ConnectionTrait, to: &DatabaseTransaction) -> Result<TableRows, StoreError>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync + 'static,
    E::ActiveModel: ActiveModelTrait<Entity = E> + Send + 'static,
{
    let in_order = E::PrimaryKey::iter().fold(E::find(), |query, key| query.order_by_asc(key.into_column()));
    let pages = in_order.paginate(from, ROWS);
    let (mut rows, mut page) = (0, 0);
    loop {
        let found = pages.fetch_page(page).await?;
        if found.is_empty() {
            return Ok(TableRows { table: E::default().table_name().to_owned(), rows });
        }
        rows += found.len() as u64;
        page += 1;
        let models = found.into_iter().map(|model| without_nul(model.into_active_model()));
        E::insert_many(models).exec_without_returning(to).await?;
    }
}

fn without_nul<A: ActiveModelTrait>(mut row: A) -> A {
    for column in <A::Entity as EntityTrait>::Column::iter() {
        let value = match row.get(column) {
            ActiveValue::Set(value) | ActiveValue::Unchanged(value) => value,
            ActiveValue::NotSet => continue,
        };
        if let Some(clean) = clean_value(&value) {
            row.set(column, clean);
        }
    }
    row
}

/// The same without U+0000; `None` if there is none in it.
fn clean_value(value: &Value) -> Option<Value> {
    match value {
        Value::String(Some(text)) => clean_text(text).map(Value::from),
        Value::Json(Some(json)) if json.to_string().contains(r"\u0000") => {
            Some(Value::Json(Some(Box::new(clean_json((**json).clone())))))
        }
        _ => None,
    }
}

/// Some columns keep JSON as text.
fn clean_text(text: &str) -> Option<String> {
    let has_nul = text.contains('\0');
    let clean = if has_nul { without(text) } else { text.to_owned() };
    if clean.contains(r"\u0000")
        && let Ok(json) = serde_json::from_str(&clean)
    {
        return Some(clean_json(json).to_string());
    }
    has_nul.then_some(clean)
}

fn clean_json(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(without(&text)),
        Json::Array(list) => list.into_iter().map(clean_json).collect(),
        Json::Object(map) => {
            map.into_iter().map(|(name, value)| (without(&name), clean_json(value))).collect()
        }
        other => other,
    }
}

fn without(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A table of the target that has a row, whoever made it.
async fn rows_in_target(db: &impl ConnectionTrait) -> Result<Option<String>, StoreError> {
    let ask = |sql: String| Statement::from_string(DbBackend::Postgres, sql);
    let names = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1";
    for row in db.query_all_raw(ask(names.to_owned())).await? {
        let name: String = row.try_get_by_index(0)?;
        if name == "seaql_migrations" {
            continue;
        }
        let quoted = name.replace('"', "\"\"");
        let found = db.query_one_raw(ask(format!("SELECT EXISTS (SELECT 1 FROM \"{quoted}\")"))).await?;
        if found.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(false) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
