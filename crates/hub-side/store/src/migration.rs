//! The schema, step by step, on SQLite and on PostgreSQL: only portable column types and indices.
//!
//! What a step does to rows of an older Hub it does on SQLite only: the first Hub on PostgreSQL had all steps up to
//! m0015, so its tables are empty when these run there. A later step that changes rows has to do it on both.

#![expect(elided_lifetimes_in_paths, reason = "the trait of sea-orm-migration has them elided")]

mod background;
mod backups;
mod currencies;
mod escrows;
mod fitting;
mod gate_heads;
mod guardian;
mod lists;
mod messages;
mod movements;
mod payments;
mod proofs;
mod quotas;
mod recoveries;
mod relay;

use sea_orm_migration::{prelude::*, schema::*};

/// All migrations, oldest first.
#[derive(Debug)]
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(First),
            Box::new(guardian::Guardian),
            Box::new(proofs::Proofs),
            Box::new(recoveries::Recoveries),
            Box::new(backups::Backups),
            Box::new(escrows::Escrows),
            Box::new(gate_heads::GateHeads),
            Box::new(payments::Payments),
            Box::new(quotas::Quotas),
            Box::new(relay::Relay),
            Box::new(messages::Messages),
            Box::new(lists::Lists),
            Box::new(movements::Movements),
            Box::new(fitting::Fitting),
            Box::new(currencies::Currencies),
            Box::new(background::Background),
        ]
    }
}

/// Orders and how they become servers.
#[derive(Debug)]
struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "m0001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in indices() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("the first schema is not taken back: remove the database instead".into()))
    }
}

fn tables() -> Vec<TableCreateStatement> {
    [work_tables(), server_tables(), people_tables()].concat()
}

/// Orders and what is done about them.
fn work_tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "orders",
            [
                uuid("id").primary_key().take(),
                text("phase"),
                json("state"),
                text("domain"),
                text("email"),
                text("tier"),
                text("region"),
                json("tools"),
                text("identity"),
                text_null("host_key"),
                timestamp_with_time_zone_null("install_requested_at"),
                timestamp_with_time_zone("created_at"),
                timestamp_with_time_zone("updated_at"),
            ],
        ),
        table(
            "effects",
            [
                uuid("id").primary_key().take(),
                uuid("order_id"),
                text("kind"),
                text("status"),
                timestamp_with_time_zone("not_before"),
                text_null("lease_owner"),
                timestamp_with_time_zone_null("lease_until"),
                big_integer("fence"),
                timestamp_with_time_zone("created_at"),
            ],
        ),
        table(
            "timeline",
            [
                big_pk_auto("sequence"),
                uuid("order_id"),
                timestamp_with_time_zone("at"),
                text("kind"),
                text("level"),
                text("message"),
                text_null("once_key"),
            ],
        ),
        table(
            "jobs",
            [
                uuid("id").primary_key().take(),
                uuid("order_id"),
                text("status"),
                text("runner_token_hash"),
                text("registration_token_hash"),
                json_null("problem"),
                timestamp_with_time_zone("created_at"),
                timestamp_with_time_zone_null("finished_at"),
            ],
        ),
    ]
}

/// Servers and their agents.
fn server_tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "claims",
            [
                text("server_id").primary_key().take(),
                uuid("order_id"),
                timestamp_with_time_zone("claimed_at"),
                timestamp_with_time_zone_null("released_at"),
            ],
        ),
        table(
            "agents",
            [
                uuid("order_id").primary_key().take(),
                text("key_hash"),
                text("node_version"),
                timestamp_with_time_zone("registered_at"),
                timestamp_with_time_zone_null("last_heartbeat_at"),
                json_null("last_heartbeat"),
            ],
        ),
    ]
}

/// Money, staff, and what only a person can do.
fn people_tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "stripe_events",
            [text("id").primary_key().take(), text("kind"), timestamp_with_time_zone("received_at")],
        ),
        table(
            "staff",
            [
                uuid("id").primary_key().take(),
                text("email"),
                text("password_hash"),
                timestamp_with_time_zone("created_at"),
            ],
        ),
        table(
            "sessions",
            [
                text("token_hash").primary_key().take(),
                uuid("staff_id"),
                timestamp_with_time_zone("expires_at"),
            ],
        ),
        table(
            "tasks",
            [
                uuid("id").primary_key().take(),
                uuid("order_id"),
                text("kind"),
                timestamp_with_time_zone("opened_at"),
                timestamp_with_time_zone("deadline"),
                timestamp_with_time_zone_null("closed_at"),
            ],
        ),
    ]
}

fn table<const N: usize>(name: &'static str, columns: [ColumnDef; N]) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(Alias::new(name));
    for column in columns {
        table.col(column);
    }
    table.take()
}

fn indices() -> Vec<IndexCreateStatement> {
    vec![
        unique("claims", &["order_id"]),
        unique("staff", &["email"]),
        unique("timeline", &["once_key"]),
        unique("agents", &["key_hash"]),
        plain("effects", &["status", "not_before"]),
        plain("effects", &["order_id"]),
        plain("timeline", &["order_id", "sequence"]),
        plain("jobs", &["order_id"]),
        plain("orders", &["created_at"]),
    ]
}

/// Whether rows of an older Hub may be there: steps up to m0015 find none on PostgreSQL.
fn may_have_rows(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == sea_orm_migration::sea_orm::DbBackend::Sqlite
}

fn unique(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    plain(table, columns).unique().take()
}

fn plain(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("{table}_{}", columns.join("_"))).table(Alias::new(table));
    for column in columns {
        index.col(Alias::new(*column));
    }
    index.take()
}

#[cfg(test)]
mod tests {
    use letsbe_types::ids::OrderId;
    use sea_orm_migration::{
        MigratorTrait as _,
        sea_orm::{ConnectionTrait as _, Database},
    };
    use uuid::Uuid;

    use super::Migrator;
    use crate::Store;

    #[tokio::test]
    async fn agents_of_the_first_schema_keep_their_keys_and_when_they_were_heard() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hub.db");
        let db = Database::connect(format!("sqlite://{}?mode=rwc", file.display())).await.expect("opens");
        Migrator::up(&db, Some(1)).await.expect("migrates");
        for statement in [
            "INSERT INTO agents VALUES (x'00000000000000000000000000000001', 'hash-1', '0.1.0', \
             '2026-11-20 10:00:00+00:00', '2026-11-21 10:00:00+00:00', '{\"version\":1,\"containers_ok\":9}')",
            "INSERT INTO agents VALUES (x'00000000000000000000000000000002', 'hash-2', '0.1.0', \
             '2026-11-20 10:00:00+00:00', NULL, NULL)",
        ] {
            db.execute_unprepared(statement).await.expect("inserts");
        }
        db.close().await.expect("closes");
        let store = Store::open(&file).await.expect("migrates further");
        for (number, heard) in [(1, true), (2, false)] {
            let agent =
                store.agent(OrderId(Uuid::from_u128(number))).await.expect("reads").expect("is there");
            assert_eq!(agent.last_heartbeat_at.is_some(), heard);
            assert_eq!((agent.last_heartbeat, agent.revoked_at), (None, None));
            let key = format!("hash-{number}");
            let known = store.waiting_commands(&key, agent.registered_at).await.expect("reads");
            assert!(known.is_ok(), "its key is known");
        }
    }
}
