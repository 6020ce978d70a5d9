//! When the Hub received an event, by its own clock, and how much each tenant has sent.

use chrono::{TimeDelta, Utc};
use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{DbBackend, Statement},
};

use super::{may_have_rows, plain, table};

#[derive(Debug)]
pub(super) struct Quotas;

impl MigrationName for Quotas {
    fn name(&self) -> &'static str {
        "m0008_quotas"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Quotas {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let quotas = table(
            "tenant_quotas",
            [
                uuid("order_id").primary_key().take(),
                big_integer("events_until"),
                big_integer("kib_until"),
                big_integer("kept_events"),
                big_integer("kept_bytes"),
            ],
        );
        manager.create_table(quotas).await?;
        let mut received = timestamp_with_time_zone_null("received_at");
        let mut events = Table::alter();
        manager
            .alter_table(events.table(Alias::new("tenant_events")).add_column(&mut received).take())
            .await?;
        if may_have_rows(manager) {
            date_what_is_there(manager).await?;
        }
        manager.create_index(plain("tenant_events", &["order_id", "received_at"])).await?;
        manager.create_index(plain("tenant_events", &["received_at"])).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom(
            "what tenants' servers said is not thrown away: remove the database instead".into(),
        ))
    }
}

/// What a server dated into the future is forgotten in its turn, from now on.
async fn date_what_is_there(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let now = Utc::now();
    for statement in [
        "UPDATE tenant_events SET received_at = at",
        "UPDATE tenant_events SET received_at = ?1 WHERE at > ?1",
        "UPDATE tenant_approvals SET requested_at = ?1 WHERE requested_at > ?1",
    ] {
        let values =
            if statement.contains('?') { vec![sea_orm_migration::sea_orm::Value::from(now)] } else { vec![] };
        db.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, statement, values)).await?;
    }
    let future = (now + TimeDelta::days(1)).timestamp();
    db.execute_unprepared(&format!("DELETE FROM tenant_tokens WHERE hour > {future}")).await?;
    Ok(())
}
