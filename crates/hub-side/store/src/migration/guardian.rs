//! Tenants' servers after they were provisioned: what they say, what they are told.

use sea_orm_migration::{prelude::*, schema::*};

use super::{may_have_rows, plain, table, unique};

#[derive(Debug)]
pub(super) struct Guardian;

impl MigrationName for Guardian {
    fn name(&self) -> &'static str {
        "m0002_guardian"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Guardian {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in indices() {
            manager.create_index(index).await?;
        }
        for change in agent_changes() {
            manager.alter_table(change).await?;
        }
        // What older agents said has another form: when they were heard stays known.
        let statements = [
            "INSERT INTO tenant_states (order_id, received_at, gate_entry, gate_hash) \
             SELECT order_id, last_heartbeat_at, 0, '' FROM agents WHERE last_heartbeat_at IS NOT NULL",
            "UPDATE agents SET registration_job = (SELECT id FROM jobs WHERE jobs.order_id = agents.order_id \
             ORDER BY created_at DESC, id DESC LIMIT 1)",
        ];
        if may_have_rows(manager) {
            for statement in statements {
                manager.get_connection().execute_unprepared(statement).await?;
            }
        }
        for column in ["last_heartbeat_at", "last_heartbeat"] {
            manager.alter_table(agents().drop_column(Alias::new(column)).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom(
            "what tenants' servers said is not thrown away: remove the database instead".into(),
        ))
    }
}

fn agents() -> TableAlterStatement {
    Table::alter().table(Alias::new("agents")).take()
}

fn agent_changes() -> Vec<TableAlterStatement> {
    let mut columns = [
        uuid_null("registration_job"),
        big_integer("generation").default(1).take(),
        big_integer("taken_through").default(0).take(),
        timestamp_with_time_zone_null("revoked_at"),
    ];
    columns.iter_mut().map(|column| agents().add_column(column).take()).collect()
}

fn tables() -> Vec<TableCreateStatement> {
    [said_tables(), event_tables(), told_tables()].concat()
}

/// From heartbeats.
fn said_tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "tenant_states",
            [
                uuid("order_id").primary_key().take(),
                timestamp_with_time_zone("received_at"),
                text_null("body"),
                big_integer("gate_entry"),
                text("gate_hash"),
                timestamp_with_time_zone_null("log_cut_at"),
            ],
        ),
        table(
            "tenant_rollups",
            [
                uuid("order_id"),
                text("period"),
                big_integer("start"),
                big_integer("beats"),
                big_integer("disk_used_percent"),
                big_integer("disk_max"),
                big_integer("memory_used_mib"),
                big_integer("memory_max"),
                big_integer("not_ok_min"),
                big_integer("not_ok_max"),
                big_integer("tokens_used"),
            ],
        )
        .primary_key(&mut key(&["order_id", "period", "start"]))
        .take(),
        table("upkeep", [text("name").primary_key().take(), big_integer("through")]),
    ]
}

/// From events, and what follows from them.
fn event_tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "tenant_events",
            [
                uuid("order_id"),
                big_integer("generation"),
                big_integer("sequence"),
                timestamp_with_time_zone("at"),
                text("kind"),
                text("digest"),
                json("event"),
            ],
        )
        .primary_key(&mut key(&["order_id", "generation", "sequence"]))
        .take(),
        table(
            "tenant_tokens",
            [
                uuid("order_id"),
                big_integer("hour"),
                text("model"),
                big_integer("input"),
                big_integer("output"),
                big_integer("requests"),
            ],
        )
        .primary_key(&mut key(&["order_id", "hour", "model"]))
        .take(),
        table(
            "tenant_approvals",
            [
                uuid("order_id"),
                uuid("id"),
                timestamp_with_time_zone("requested_at"),
                text("state"),
                json("approval"),
                text_null("settled_by"),
                timestamp_with_time_zone_null("settled_at"),
            ],
        )
        .primary_key(&mut key(&["order_id", "id"]))
        .take(),
        table(
            "tenant_escrows",
            [
                big_pk_auto("sequence"),
                uuid("order_id"),
                timestamp_with_time_zone("at"),
                json("recipients"),
                text("sealed"),
            ],
        ),
    ]
}

/// What the Hub decides.
fn told_tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "tenant_commands",
            [
                big_pk_auto("sequence"),
                uuid("id"),
                uuid("order_id"),
                json("work"),
                text("issued_by"),
                timestamp_with_time_zone("issued_at"),
                timestamp_with_time_zone("expires_at"),
                timestamp_with_time_zone_null("given_at"),
                timestamp_with_time_zone_null("finished_at"),
                json_null("outcome"),
            ],
        ),
        table(
            "tenant_configurations",
            [
                uuid("order_id").primary_key().take(),
                big_integer("version"),
                small_integer("autonomy"),
                json("external_unlocked"),
                big_integer("token_pool"),
                text("escrow_recipients"),
                text_null("openclaw_version"),
            ],
        ),
    ]
}

fn key(columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    for column in columns {
        index.col(Alias::new(*column));
    }
    index.take()
}

fn indices() -> Vec<IndexCreateStatement> {
    vec![
        unique("tenant_commands", &["id"]),
        plain("tenant_commands", &["order_id", "finished_at"]),
        plain("tenant_escrows", &["order_id"]),
        plain("tenant_events", &["at"]),
        plain("tenant_rollups", &["period", "start"]),
        plain("tenant_tokens", &["hour"]),
        plain("tenant_approvals", &["order_id", "requested_at"]),
    ]
}
